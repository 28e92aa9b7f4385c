"""What a base URL leads to: the path of the API, a public host, a cloud's metadata service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from genesis_config.config.expansion import text_span
from genesis_config.config.lookup import IMPLICIT_PROVIDERS, declared_models, mapping, providers, states_key
from genesis_config.config.positions import shown
from genesis_config.credentials.names import is_secret_header
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Edit, Fix, config_path
from genesis_config.net.hosts import address
from genesis_config.rules.rule import Rule
from genesis_config.rules.secrets import is_private_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any
    from urllib.parse import SplitResult

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = ["RULES", "check"]

BASE_URL_PATH: Final = Rule(
    "base-url-path",
    "error",
    "a base URL that is not the API's",
    """`/models` and `/chat/completions` are put after the base URL, so it ends where the API does: for vLLM
and most servers like it that is `/v1`, with or without a path before it. Without it a server answers 404; with an
endpoint at its end, the request goes to `/v1/chat/completions/chat/completions`.

A path that has a version anywhere (`/v1beta/openai`) is taken as it is. One that has none is a warning: some gateways
have an API there, and only a person can tell. A slash at the end is left out of every request, so that it is only a
note.""",
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

# Compiled when first needed. An endpoint of the API at the end of a path, and a version anywhere in it.
_ENDPOINT = r"/(?:chat/completions|completions|models|embeddings|responses)$"
_VERSION = r"/v[0-9]+[a-z0-9]*(?:/|$)"
_METADATA_HOSTS: Final = frozenset({"metadata.google.internal", "metadata.goog"})
# AWS, OpenStack and Alibaba; every other cloud's is in 169.254.0.0/16.
_METADATA_ADDRESSES: Final = frozenset({"fd00:ec2::254", "fe80::a9fe:a9fe", "100.100.100.200"})


def check(context: Context) -> Iterator[Diagnostic]:
    """Check where every declared base URL leads."""
    for name, provider in providers(context.value):
        path = ("models", "providers", name, "baseUrl")
        url = context.text(*path) if "baseUrl" in provider else None
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            host = without_keys(parts.hostname or "")
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
        elif parts.scheme == "http" and not is_private_host(url) and (key := _key_sent(name, provider)):
            message = f"{key.format(config_path(path[:3]))} goes to the public host `{host}` in clear text"
            yield CLEARTEXT_CREDENTIAL.finding(context, path, message, "write `https://`, if the server speaks TLS")


def _check_path(context: Context, path: Path, url: str, parts: SplitResult) -> Iterator[Diagnostic]:
    bare = parts.path.rstrip("/")
    right = re.sub(_ENDPOINT, "", bare)
    problem = "ends in an endpoint of the API, which is put after it" if right != bare else ""
    versioned = re.search(_VERSION, right) is not None
    if not versioned:
        problem = problem or "does not end in the path of the API"
    elif right.endswith("/v1/v1"):
        problem = "has `/v1` twice"
        right = right.removesuffix("/v1")
    better = parts._replace(path=right if versioned else f"{right}/v1").geturl()
    safe = shown(path, better)
    help_ = f"write `{safe}`"
    if not problem:
        if parts.path != bare:
            yield _slash(context, path, help_)
        return
    message = f"`{config_path(path)}` {problem}"
    if right and not versioned:
        # What follows a path of somebody's own is known to that somebody alone.
        finding = BASE_URL_PATH.finding(context, path, message, f"{help_}, if the API is there")
        yield finding if right != bare else finding._replace(severity="warning")
        return
    finding = BASE_URL_PATH.finding(context, path, message, help_)
    span = text_span(context.document, path, url, 0, len(url))
    if safe == better and span.source.text[span.start : span.end] == url:
        # Written as it is, without a reference or an escape. No more is replaced than what is wrong.
        start = len(url) - len(parts.path) + len(right)
        text = "" if versioned else "/v1"
        if not versioned and url[start : start + 1] == "/":
            start, text = start + 1, "v1"
        edit = Edit(span._replace(start=span.start + start), text)
        finding = finding._replace(fix=Fix(help_, (edit,)))
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
    if found is None:
        return host.lower().rstrip(".") in _METADATA_HOSTS
    if found.version == 4 and found.is_link_local:  # noqa: PLR2004 - of IPv6 every network has them
        return True
    return str(found).partition("%")[0] in _METADATA_ADDRESSES


def _key_sent(name: str, provider: dict[str, Any]) -> str:
    """Name the key that requests of a provider carry, with braces for it; nothing where none is known of."""
    owners = [provider, *(model for _, model in declared_models(provider))]
    if states_key(provider) or any(is_secret_header(key) for owner in owners for key in mapping(owner, "headers")):
        return "the key of `{}`"
    # Where none is stated its variable is the key, and this is the one provider that is mostly set up by that alone.
    return "the key of `{}`, if VLLM_API_KEY is set," if "apiKey" not in provider and name in IMPLICIT_PROVIDERS else ""
