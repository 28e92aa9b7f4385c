"""`invalid-base-url`: base URL is not valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from genesis_config.rules.base_urls import declared_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "invalid-base-url",
    title="base URL is not valid",
    severity="error",
    kind="required",
    stage="config",
    why="""A base URL must be absolute: `http://` or `https://`, a host, a port unless it is the scheme's default, and
a path. It must not have a query or a fragment, because Genesis appends `/models` and `/chat/completions` to it.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "127.0.0.1:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

_FORM: Final = "use the form `http://HOST:PORT/v1`"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each base URL that is not valid."""
    for place, url in declared_base_urls(context.config):
        try:
            problem = _problem(url, urlsplit(url))
        except ValueError as error:
            # The library's message (`Port out of range 0-65535`, `Invalid IPv6 URL`) may quote part of a password.
            problem = "its host or port cannot be parsed" if "@" in url else str(error), _FORM
        if problem is not None:
            yield RULE.finding(place, f"`{place}` is not a valid base URL: {problem[0]}", problem[1])


def _problem(url: str, parts: SplitResult) -> tuple[str, str] | None:
    """Return what is wrong with a URL and how to fix it."""
    if url != url.strip() or any(char <= " " or char == "\x7f" for char in url):
        return "it contains whitespace or control characters", "remove them"
    if parts.scheme not in {"http", "https"}:
        # The text before an `@` may be a password.
        host = "" if "://" in url or "@" in url else url.lstrip("/")
        help_ = f"use `http://{host}`" if host else _FORM
        return "it does not start with `http://` or `https://`", help_
    if not parts.hostname:
        return "it has no host", _FORM
    if parts.port == 0:
        return "port 0 is not a usable port", "set the server's port"
    if parts.query or parts.fragment or url[-1] in "?#":
        return "it has a query or a fragment", "end it after the path: `http://HOST:PORT/v1`"
    return None
