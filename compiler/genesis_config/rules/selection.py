"""Which models the configuration selects: references, fallbacks, aliases."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.lookup import (
    IMPLICIT_PROVIDERS,
    declared_models,
    is_dynamic,
    mapping,
    model_refs,
    providers,
    selected_entries,
    split_ref,
)
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Edit, Fix, Related, config_path
from genesis_config.diagnostics.source import Span
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = [
    "ALIAS_CONFLICT",
    "DUPLICATE_FALLBACK",
    "MALFORMED_MODEL_REF",
    "UNKNOWN_MODEL",
    "UNKNOWN_PROVIDER",
    "check",
    "check_served",
]

_PROVIDER: Final = 'models: { providers: { vllm: { models: [{ id: "llama-3-8b", contextWindow: 8192 }] } } }'

MALFORMED_MODEL_REF: Final = Rule(
    "malformed-model-ref",
    "error",
    "a model reference that is not `provider/model`",
    """A reference splits on its first slash into the provider's id and the model's:
`vllm/meta-llama/Llama-3-8B` is the model `meta-llama/Llama-3-8B` of the provider `vllm`. Aliases are for the
command line and for programs; the selection itself names models in full, and each by itself: `vllm/*` stands for many,
and is a key of `agents.defaults.models` alone.""",
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: "llama-3-8b" }} }} }}',
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: "vllm/llama-3-8b" }} }} }}',
)
UNKNOWN_PROVIDER: Final = Rule(
    "unknown-provider",
    "error",
    "a reference to a provider that is not declared",
    """The part before the first slash names a provider in `models.providers`, or one that Genesis discovers by
itself (`vllm`). A model's id alone often has a slash of its own: `meta-llama/Llama-3-8B` has to be written with the
provider before it.""",
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: "vlm/llama-3-8b" }} }} }}',
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: "vllm/llama-3-8b" }} }} }}',
)
UNKNOWN_MODEL: Final = Rule(
    "unknown-model",
    "error",
    "a reference to a model that its provider does not have",
    """A declared provider has the models that it lists, and nothing else: the server would answer 404 to the
first request. Where a wildcard keeps the provider dynamic, or it is discovered, its server's list is what counts,
and only commands that ask the server can tell.""",
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: "vllm/llama-3-8" }} }} }}',
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: "vllm/llama-3-8b" }} }} }}',
)
DUPLICATE_FALLBACK: Final = Rule(
    "duplicate-fallback",
    "warning",
    "a fallback that was tried before",
    """A fallback that repeats the primary or an earlier fallback is the same model on the same server: when it
has failed once, trying it again at once only takes time.""",
    f"{{ {_PROVIDER},\n"
    '  agents: { defaults: { model: { primary: "vllm/llama-3-8b", fallbacks: ["vllm/llama-3-8b"] } } } }',
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ model: {{ primary: "vllm/llama-3-8b", fallbacks: [] }} }} }} }}',
    fixable=True,
)
ALIAS_CONFLICT: Final = Rule(
    "alias-conflict",
    "error",
    "an alias that does not stand for one model",
    """An alias is another name for exactly one model. It cannot be given twice, cannot hold a `/` (it would
look like a reference), and cannot be given to a wildcard, which stands for many.""",
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ models: {{ "vllm/*": {{ alias: "fast" }} }} }} }} }}',
    f'{{ {_PROVIDER},\n  agents: {{ defaults: {{ models: {{ "vllm/llama-3-8b": {{ alias: "fast" }} }} }} }} }}',
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Check every model reference, the order of fallbacks, and the aliases."""
    aliases = _aliases(context)
    models = _Models(context, {name: locked.rows for name, locked in context.locked.items()})
    seen: dict[str, Path] = {}
    for path, text in model_refs(context.value):
        if not context.known(*path):
            continue
        yield from _check_ref(models, path, text, aliases, key=False)
        first = seen.setdefault(text, path)
        if first is not path:
            what = "the primary" if first[-1] == "primary" else "an earlier fallback"
            finding = DUPLICATE_FALLBACK.finding(
                context, path, f"the fallback `{text}` in `{config_path(path)}` is the same as {what}", "remove it"
            )
            related = (Related("first named here", context.document.value_span(first)),)
            yield finding._replace(related=related, fix=_removal(finding.span) if path[-2] == "fallbacks" else None)
    for reference, entry in selected_entries(context.value):
        path = ("agents", "defaults", "models", reference)
        yield from _check_ref(models, path, reference, aliases, key=True)
        if isinstance(entry.get("alias"), str) and context.known(*path, "alias"):
            yield from _check_alias(context, (*path, "alias"), reference, entry["alias"], aliases)


def _removal(item: Span | None) -> Fix | None:
    """Take an item out of an array with its comma; where a comment stands between, that is for a person to do."""
    if item is None:
        return None
    text = item.source.text
    after = re.compile(r"\s*,[ \t]*").match(text, item.end)
    if after is not None:
        start, end = item.start, after.end()
        line = item.source.position(start).line
        first, last = item.source.line_span(line)
        if end == last and not text[first:start].strip():
            # Its line holds nothing else, and goes with its end.
            start, end = first, next(iter(item.source.line_starts[line : line + 1]), len(text))
        return Fix("remove it", (Edit(Span(item.source, start, end), ""),))
    before = re.search(r",\s*$", text[: item.start])
    start = before.start() if before is not None else item.start
    return Fix("remove it", (Edit(Span(item.source, start, item.end), ""),))


def check_served(context: Context, served: Mapping[str, Collection[str]]) -> Iterator[Diagnostic]:
    """Check the references to models of providers whose models are known: `served` are their ids, by provider."""
    refs = [(path, text, False) for path, text in model_refs(context.value)]
    refs += [(("agents", "defaults", "models", text), text, True) for text, _ in selected_entries(context.value)]
    models = _Models(context, served)
    for path, text, key in refs:
        parts = split_ref(text)
        if parts is not None and parts[0] in served:
            yield from _check_model(models, path, parts, key=key)


def _check_ref(
    models: _Models, path: Path, text: str, aliases: dict[str, list[str]], *, key: bool
) -> Iterator[Diagnostic]:
    """Check one reference, which is a value or, with `key`, a key."""
    context = models.context
    where = config_path(path[:-1] if key else path)
    written = without_keys(text)
    parts = split_ref(text)
    if parts is None:
        help_ = "write `provider/model`"
        if text in aliases:
            help_ = without_keys(f"`{text}` is an alias: write `{aliases[text][0]}`")
        elif (found := _provider_of(context, text)) is not None:
            help_ = f"write `{found}/{written}`"
        yield MALFORMED_MODEL_REF.finding(
            context, path, f"`{written}` in `{where}` is no model reference", help_, key=key
        )
        return
    provider, model = parts
    model = without_keys(model)
    if model == "*" and not key:
        message = f"`{written}` in `{where}` is a wildcard, which stands for many models"
        yield MALFORMED_MODEL_REF.finding(context, path, message, f"name one of them: `{provider}/MODEL`")
        return
    declared = dict(providers(context.value))
    known = sorted({*declared, *IMPLICIT_PROVIDERS})
    if provider not in known:
        near = nearest(provider, known)
        help_ = (
            f"did you mean `{near}/{model}`?" if near else f"declare it in `models.providers`; known: {listed(known)}"
        )
        if (found := _provider_of(context, text)) is not None:
            help_ = f"this is a model's id: write `{found}/{written}`"
        message = f"`{written}` in `{where}` names the provider `{provider}`, which is not declared"
        yield UNKNOWN_PROVIDER.finding(context, path, message, help_, key=key)
        return
    yield from _check_model(models, path, parts, key=key)


def _check_model(models: _Models, path: Path, parts: tuple[str, str], *, key: bool) -> Iterator[Diagnostic]:
    """Check that a provider has the model that a reference names."""
    provider, model = parts
    known = models.of(provider)
    if not (key and model == "*") and known is not None and model not in known:
        near = nearest(model, known)
        help_ = f"did you mean `{provider}/{near}`?" if near else f"it has {listed(sorted(known)) or 'no models'}"
        where = config_path(path[:-1] if key else path)
        written = without_keys(f"{provider}/{model}")
        message = f"`{written}` in `{where}` names a model that the provider `{provider}` does not have"
        yield UNKNOWN_MODEL.finding(models.context, path, message, without_keys(help_), key=key)


class _Models:
    """The models of providers, each listed once: many references name the same provider."""

    def __init__(self, context: Context, served: Mapping[str, Collection[str]]) -> None:
        self.context = context
        self.of = cache(partial(_models, context, served))


def _models(context: Context, served: Mapping[str, Collection[str]], provider: str) -> frozenset[str] | None:
    """Give the ids of a provider's models; None where only its server knows them, or an id is not known."""
    entry = mapping(context.value, "models", "providers").get(provider)
    listed_ids = served.get(provider)
    if listed_ids is None and (not isinstance(entry, dict) or is_dynamic(context.value, provider)):
        return None
    ids = set()
    path: Path = ("models", "providers", provider, "models")
    for index, model in declared_models(entry) if isinstance(entry, dict) else ():
        if not context.known(*path, index, "id"):
            return None
        ids.add(model["id"])
    if context.document.damaged and _lost(context, path, entry):
        return None
    return frozenset(ids.union(listed_ids or ()))


def _lost(context: Context, path: Path, entry: Any) -> bool:
    """Tell whether the id of one of the models at `path` could not be read."""
    models = entry.get("models") if isinstance(entry, dict) else None
    places: list[Path] = [path[:-1], path]
    for index in range(len(models) if isinstance(models, list) else 0):
        places += [(*path, index), (*path, index, "id")]
    return any(map(context.document.is_damaged, places))


def _provider_of(context: Context, model: str) -> str | None:
    """Name the provider that declares a model of this id."""
    for name, provider in providers(context.value):
        if any(entry["id"] == model for _, entry in declared_models(provider)):
            return name
    return None


def _aliases(context: Context) -> dict[str, list[str]]:
    """Give for each alias the references that have it."""
    aliases: dict[str, list[str]] = {}
    for reference, entry in selected_entries(context.value):
        if isinstance(entry.get("alias"), str):
            aliases.setdefault(entry["alias"], []).append(reference)
    return aliases


def _check_alias(
    context: Context, path: Path, reference: str, alias: str, aliases: dict[str, list[str]]
) -> Iterator[Diagnostic]:
    where = config_path(path)
    first = aliases[alias][0]
    written = without_keys(alias)
    if reference.endswith("/*"):
        message = f"`{where}` gives an alias to a wildcard, which stands for many models"
        yield ALIAS_CONFLICT.finding(context, path, message, f'give it to one model: `"{reference[:-1]}MODEL"`')
    elif "/" in alias or not alias.strip():
        message = f"the alias `{written}` in `{where}` is empty or holds a `/`, so it looks like a reference"
        yield ALIAS_CONFLICT.finding(context, path, message, "write it without `/`")
    elif first != reference:
        other = without_keys(first)
        finding = ALIAS_CONFLICT.finding(
            context,
            path,
            f"the alias `{written}` in `{where}` stands for `{other}` already",
            "give it another name",
        )
        place = context.document.value_span(("agents", "defaults", "models", first, "alias"))
        yield finding._replace(related=(Related("first given here", place),))
