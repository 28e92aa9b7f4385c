"""`base-url-path`: base URL does not end in the API path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.finding import Edit, Fix
from genesis_config.rules.base_urls import valid_base_urls
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.config.views import Place
    from genesis_config.diagnostics.finding import Diagnostic
    from genesis_config.rules.base_urls import BaseUrl
    from genesis_config.rules.rule import Context

__all__ = ["RULE", "check"]

RULE: Final = Rule(
    "base-url-path",
    title="base URL does not end in the API path",
    severity="error",
    kind="advice",
    stage="config",
    fixable=True,
    why="""Genesis appends `/models` and `/chat/completions` to the base URL, so it must end in the API path. For vLLM
and most compatible servers that is `/v1`, optionally with a prefix. Without it, the server responds with 404; with an
endpoint at its end, requests go to `/v1/chat/completions/chat/completions`.

A path with a version in it (`/v1beta/openai`) is accepted as is. A path without one is only a warning, because some
gateways serve the API there. A trailing slash is ignored in requests, so it is only an info.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1/chat/completions",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

# Compiled when first needed: an API endpoint at the end of a path, and a version anywhere in it.
_ENDPOINT: Final = r"/(?:chat/completions|completions|models|embeddings|responses)$"
_VERSION: Final = r"/v[0-9]+[a-z0-9]*(?:/|$)"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield a finding for each base URL whose path is probably not the API path."""
    for url in valid_base_urls(context.config):
        yield from _check(context, url)


def _check(context: Context, url: BaseUrl) -> Iterator[Diagnostic]:
    place, parts = url.place, url.parts
    stripped = parts.path.rstrip("/")
    base = re.sub(_ENDPOINT, "", stripped)
    problem = "includes an API endpoint path, which Genesis appends itself" if base != stripped else ""
    versioned = re.search(_VERSION, base) is not None
    if not versioned:
        problem = problem or "does not end in the API path (usually `/v1`)"
    elif base.endswith("/v1/v1"):
        problem = "contains `/v1` twice"
        base = base.removesuffix("/v1")
    corrected = parts._replace(path=base if versioned else f"{base}/v1").geturl()
    if not problem and parts.path == stripped:
        return
    shown = place.show(corrected)
    help_ = f"use `{shown}`"
    if not problem:
        yield _trailing_slash(context, url, help_)
        return
    message = f"`{place}` {problem}"
    if base and not versioned:
        # Only the user knows what follows a custom path, so there is no fix.
        help_ = f"{help_} if that is where the API is served"
        yield RULE.finding(place, message, help_, severity=None if base != stripped else "warning")
    else:
        # Reports show the title of a fix and the text that it writes.
        fix = _path_fix(url, base, help_, versioned=versioned) if shown == corrected else None
        yield RULE.finding(place, message, help_, fix=fix)


def _path_fix(url: BaseUrl, base: str, help_: str, *, versioned: bool) -> Fix | None:
    """Return the smallest edit that corrects the path; None if references or escapes obscure it."""
    span = url.place.part(url.text, 0, len(url.text))
    if span.source.text[span.start : span.end] != url.text:
        return None
    start = len(url.text) - len(url.parts.path) + len(base)
    text = "" if versioned else "/v1"
    if not versioned and url.text[start : start + 1] == "/":
        start, text = start + 1, "v1"
    return Fix(help_, (Edit(span._replace(start=span.start + start), text),))


def _trailing_slash(context: Context, url: BaseUrl, help_: str) -> Diagnostic:
    """Return the finding for trailing slashes, with a fix unless they come from a variable."""
    message = f"`{url.place}` has a trailing slash, which is ignored"
    source_text = _source_text(context, url.place, url.text)
    span = url.place.part(source_text, len(source_text.rstrip("/")), len(source_text))
    slashes = span.source.text[span.start : span.end]
    fix = Fix(help_, (Edit(span, ""),)) if slashes and not slashes.strip("/") else None
    return RULE.finding(url.place, message, help_, severity="info", fix=fix)


def _source_text(context: Context, place: Place, text: str) -> str:
    """Return a string as written, with its references unresolved."""
    string = context.config.expansion.strings.get(place.path)
    return string.template if string else text
