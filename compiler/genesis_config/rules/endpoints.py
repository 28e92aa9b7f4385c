"""Where a provider is: its base URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from genesis_config.config.lookup import IMPLICIT_PROVIDERS, providers
from genesis_config.diagnostics.finding import config_path
from genesis_config.rules.rule import Rule
from genesis_config.syntax.references import foreign_dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["CREDENTIALS_IN_URL", "INVALID_BASE_URL", "MISSING_BASE_URL", "check"]

MISSING_BASE_URL: Final = Rule(
    "missing-base-url",
    "error",
    "a provider has no base URL",
    """Every declared provider says where it is. Only `vllm` has a default, `http://127.0.0.1:8000/v1`; for any
other id nobody could guess the address that requests, and with them the key, are sent to.""",
    '{ models: { providers: { pool: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
    """{ models: { providers: { pool: { baseUrl: "http://10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
INVALID_BASE_URL: Final = Rule(
    "invalid-base-url",
    "error",
    "a base URL that no request can be made with",
    """A base URL is absolute: `http://` or `https://`, a host, a port if it is not the scheme's own, and a
path. It has no query and no fragment, since `/models` and `/chat/completions` are put after it.""",
    """{ models: { providers: { vllm: { baseUrl: "127.0.0.1:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    """{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
CREDENTIALS_IN_URL: Final = Rule(
    "credentials-in-url",
    "error",
    "a user name or password in a base URL",
    """URLs end up in logs, in error messages and in the manifest, and whatever is in them with them. Put the
key into `apiKey`, and basic authentication into `headers`, as references to variables.""",
    """{ models: { providers: { vllm: { baseUrl: "http://me:secret@10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    """{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", apiKey: "${VLLM_API_KEY}",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

_FORM: Final = "write `http://HOST:PORT/v1`"


def check(context: Context) -> Iterator[Diagnostic]:
    """Check the base URL of every declared provider."""
    for name, provider in providers(context.value):
        path = ("models", "providers", name)
        if "baseUrl" not in provider:
            if name not in IMPLICIT_PROVIDERS and not context.document.is_damaged(path):
                message = f"the provider `{config_path(path)}` has no `baseUrl`"
                yield MISSING_BASE_URL.finding(context, path, message, 'add `baseUrl: "http://HOST:PORT/v1"`', key=True)
            continue
        url = context.text(*path, "baseUrl")
        # Another tool's reference (`$BASE_URL`) is a finding itself, and no URL that is wrong.
        if url is not None and not foreign_dialect(url):
            yield from _check_url(context, (*path, "baseUrl"), url)


def _check_url(context: Context, path: tuple[str, ...], url: str) -> Iterator[Diagnostic]:
    where = config_path(path)
    try:
        parts = urlsplit(url)
        problem = _problem(url, parts)
    except ValueError as error:
        # The library's words: `Port out of range 0-65535`, `Invalid IPv6 URL`. They may quote a part of a password.
        problem = "its host or port cannot be read" if "@" in url else str(error), _FORM
    else:
        if "@" in parts.netloc:
            help_ = 'remove it; put the key into `apiKey: "${VLLM_API_KEY}"`, or basic authentication into `headers`'
            yield CREDENTIALS_IN_URL.finding(context, path, f"`{where}` holds a user name or password", help_)
    if problem is not None:
        yield INVALID_BASE_URL.finding(context, path, f"`{where}` is no base URL: {problem[0]}", problem[1])


def _problem(url: str, parts: SplitResult) -> tuple[str, str] | None:
    """Say what is wrong with a URL, and what to do about it."""
    if url != url.strip() or any(char <= " " or char == "\x7f" for char in url):
        return "it holds white space or control characters", "remove them"
    if parts.scheme not in {"http", "https"}:
        # What is before an `@` may be a password.
        host = "" if "://" in url or "@" in url else url.lstrip("/")
        help_ = f"write `http://{host}`" if host else _FORM
        return "it does not start with `http://` or `https://`", help_
    if not parts.hostname:
        return "it has no host", _FORM
    if parts.port == 0:
        return "port 0 is none that a server can have", "write the server's port"
    if parts.query or parts.fragment or url[-1] in "?#":
        return "it has a query or a fragment", "write it up to the path: `http://HOST:PORT/v1`"
    return None
