"""`invalid-base-url`: a base URL that no request can be made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from genesis_config.rules.base_urls import stated_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "invalid-base-url",
    title="a base URL that no request can be made with",
    severity="error",
    kind="required",
    stage="config",
    why="""A base URL is absolute: `http://` or `https://`, a host, a port if it is not the scheme's own, and a
path. It has no query and no fragment, since `/models` and `/chat/completions` are put after it.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "127.0.0.1:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

_FORM: Final = "write `http://HOST:PORT/v1`"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the base URLs that are not valid."""
    for place, url in stated_base_urls(context.config):
        try:
            problem = _problem(url, urlsplit(url))
        except ValueError as error:
            # The library's words: `Port out of range 0-65535`, `Invalid IPv6 URL`. They may quote a part of a password.
            problem = "its host or port cannot be read" if "@" in url else str(error), _FORM
        if problem is not None:
            yield RULE.finding(place, f"`{place}` is no base URL: {problem[0]}", problem[1])


def _problem(url: str, parts: SplitResult) -> tuple[str, str] | None:
    """Return what is wrong with a URL, and what to do about it."""
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
