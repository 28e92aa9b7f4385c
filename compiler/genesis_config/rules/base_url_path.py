"""`base-url-path`: a base URL that is not the API's."""

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
    title="a base URL that is not the API's",
    severity="error",
    kind="advice",
    stage="config",
    fixable=True,
    why="""`/models` and `/chat/completions` are put after the base URL, so it ends where the API does: for vLLM
and most servers like it that is `/v1`, with or without a path before it. Without it a server answers 404; with an
endpoint at its end, the request goes to `/v1/chat/completions/chat/completions`.

A path that has a version anywhere (`/v1beta/openai`) is taken as it is. One that has none is a warning: some gateways
have an API there, and only a person can tell. A slash at the end is left out of every request, so that it is only a
note.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1/chat/completions",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)

# Compiled when first needed. An endpoint of the API at the end of a path, and a version anywhere in it.
_ENDPOINT: Final = r"/(?:chat/completions|completions|models|embeddings|responses)$"
_VERSION: Final = r"/v[0-9]+[a-z0-9]*(?:/|$)"


def check(context: Context) -> Iterator[Diagnostic]:
    """Yield the base URLs whose path is probably not the API's."""
    for url in valid_base_urls(context.config):
        yield from _check(context, url)


def _check(context: Context, url: BaseUrl) -> Iterator[Diagnostic]:
    place, parts = url.place, url.parts
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
    if not problem and parts.path == bare:
        return
    shown = place.show(better)
    help_ = f"write `{shown}`"
    if not problem:
        yield _trailing_slash(context, url, help_)
        return
    message = f"`{place}` {problem}"
    if right and not versioned:
        # What follows a path of somebody's own is known to that somebody alone.
        help_ = f"{help_}, if the API is there"
        yield RULE.finding(place, message, help_, severity=None if right != bare else "warning")
    else:
        # Reports show what a fix writes, and its title.
        fix = _fix(url, right, help_, versioned=versioned) if shown == better else None
        yield RULE.finding(place, message, help_, fix=fix)


def _fix(url: BaseUrl, right: str, help_: str, *, versioned: bool) -> Fix | None:
    """Return the edit of the path, no more than what is wrong in it; None where references or escapes hide it."""
    span = url.place.part(url.text, 0, len(url.text))
    if span.source.text[span.start : span.end] != url.text:
        return None
    start = len(url.text) - len(url.parts.path) + len(right)
    text = "" if versioned else "/v1"
    if not versioned and url.text[start : start + 1] == "/":
        start, text = start + 1, "v1"
    return Fix(help_, (Edit(span._replace(start=span.start + start), text),))


def _trailing_slash(context: Context, url: BaseUrl, help_: str) -> Diagnostic:
    """Report the slashes at the end; a fix removes them if they do not come from a variable."""
    message = f"`{url.place}` ends in a slash, which requests leave out"
    written = _written(context, url.place, url.text)
    span = url.place.part(written, len(written.rstrip("/")), len(written))
    slashes = span.source.text[span.start : span.end]
    fix = Fix(help_, (Edit(span, ""),)) if slashes and not slashes.strip("/") else None
    return RULE.finding(url.place, message, help_, severity="info", fix=fix)


def _written(context: Context, place: Place, text: str) -> str:
    """Return a string with its references as they are written."""
    string = context.config.expansion.strings.get(place.path)
    return string.template if string else text
