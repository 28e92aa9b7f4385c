"""What a base URL leads to: the path of the API, a public host, a cloud's metadata service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from genesis.config import providers, states_key
from genesis.diagnostics import Edit, Fix, config_path
from genesis.expand import text_span
from genesis.hosts import address
from genesis.rules.rule import Rule
from genesis.rules.secrets import is_key_header, is_private_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any
    from urllib.parse import SplitResult

    from genesis.diagnostics import Diagnostic, Path
    from genesis.rules.rule import Context

__all__ = ["RULES", "check"]

BASE_URL_PATH: Final = Rule(
    "base-url-path",
    "error",
    "a base URL that is not the API's",
    """`/models` and `/chat/completions` are put after the base URL, so it ends where the API does: for vLLM
and most servers like it that is `/v1`, with or without a path before it. Without it a server answers 404; with an
endpoint at its end, the request goes to `/v1/chat/completions/chat/completions`.

A slash at the end is left out of every request, so that it is only a note.""",
    '{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1/chat/completions",\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    '{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1",\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    fixable=True,
)
CLEARTEXT_CREDENTIAL: Final = Rule(
    "cleartext-credential",
    "warning",
    "a key that goes over the internet in clear text",
    """`http://` to a public host sends the key, the prompts and the answers so that everybody on the way can
read them. Use `https://`, or a private network.""",
    '{ models: { providers: { vllm: { baseUrl: "http://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    '{ models: { providers: { vllm: { baseUrl: "https://llm.example.com/v1", apiKey: "${VLLM_API_KEY}",\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
METADATA_ADDRESS: Final = Rule(
    "metadata-address",
    "warning",
    "a base URL that leads to a cloud's metadata service",
    """Link-local addresses such as 169.254.169.254 are where clouds hand out credentials to the machine that
asks. No model is served there; in a configuration from somebody else it is an attempt to have them fetched.""",
    '{ models: { providers: { vllm: { baseUrl: "http://169.254.169.254/v1",\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    '{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1",\n'
    '  models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
RULES: Final = (BASE_URL_PATH, CLEARTEXT_CREDENTIAL, METADATA_ADDRESS)

# Compiled when first needed. An endpoint of the API at the end of a path, and a version at its end.
_ENDPOINT = r"/(?:chat/completions|completions|models|embeddings|responses)$"
_VERSION = r"/v\d+[a-z0-9]*$"
_METADATA_HOSTS: Final = frozenset({"metadata.google.internal", "metadata.goog", "fd00:ec2::254", "100.100.100.200"})


def check(context: Context) -> Iterator[Diagnostic]:
    """Check where every declared base URL leads."""
    for name, provider in providers(context.value):
        path = ("models", "providers", name, "baseUrl")
        url = context.text(*path) if "baseUrl" in provider else None
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            continue  # invalid-base-url says so
        if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
            continue
        if "@" in parts.netloc:
            continue  # credentials-in-url says so, and no help may repeat the password
        yield from _check_path(context, path, url, parts)
        if _is_metadata(host):
            message = f"`{config_path(path)}` leads to `{host}`, where clouds keep a machine's credentials"
            yield METADATA_ADDRESS.finding(context, path, message, "write the address of a model server")
        elif parts.scheme == "http" and not is_private_host(url) and _sends_key(provider):
            message = f"the key of `{config_path(path[:3])}` goes to the public host `{host}` in clear text"
            yield CLEARTEXT_CREDENTIAL.finding(context, path, message, "write `https://`, if the server speaks TLS")


def _check_path(context: Context, path: Path, url: str, parts: SplitResult) -> Iterator[Diagnostic]:
    bare = parts.path.rstrip("/")
    right = re.sub(_ENDPOINT, "", bare)
    problem = "ends in an endpoint of the API, which is put after it" if right != bare else ""
    if not re.search(_VERSION, right):
        problem = problem or "does not end in the path of the API"
        right += "/v1"
    elif right.endswith("/v1/v1"):
        problem = "has `/v1` twice"
        right = right.removesuffix("/v1")
    better = parts._replace(path=right).geturl()
    if not problem:
        if parts.path != bare:
            yield _slash(context, path, f"write `{better}`")
        return
    finding = BASE_URL_PATH.finding(context, path, f"`{config_path(path)}` {problem}", f"write `{better}`")
    span = text_span(context.document, path, url, 0, len(url))
    if span.source.text[span.start : span.end] == url:
        # Written as it is, without a reference or an escape: what stands before the path is kept by the letter.
        kept = url.removesuffix(parts.path)
        finding = finding._replace(fix=Fix(f"write `{better}`", (Edit(span, f"{kept}{right}"),)))
    yield finding


def _slash(context: Context, path: Path, help_: str) -> Diagnostic:
    """Note the slashes at the end, which a fix takes away where they are written and come from no variable."""
    message = f"`{config_path(path)}` ends in a slash, which requests leave out"
    finding = BASE_URL_PATH.finding(context, path, message, help_)._replace(severity="info")
    string = context.expansion.strings.get(path)
    template = string.template if string else context.text(*path) or ""
    span = text_span(context.document, path, template, len(template.rstrip("/")), len(template))
    written = span.source.text[span.start : span.end]
    return finding._replace(fix=Fix(help_, (Edit(span, ""),))) if written and not written.strip("/") else finding


def _is_metadata(host: str) -> bool:
    found = address(host)
    if found is not None:
        return found.is_link_local or str(found) in _METADATA_HOSTS
    return host.lower().rstrip(".") in _METADATA_HOSTS


def _sends_key(provider: dict[str, Any]) -> bool:
    headers = provider.get("headers")
    return states_key(provider) or any(map(is_key_header, headers if isinstance(headers, dict) else ()))
