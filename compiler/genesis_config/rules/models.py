"""A provider's list of models and what each entry says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.defaults import APIS, DEFAULT_CONTEXT_WINDOW, INPUTS, MAX_TOKENS_FIELDS
from genesis_config.config.lookup import declared_models, is_dynamic, providers
from genesis_config.config.positions import shown
from genesis_config.diagnostics.finding import Related, config_path
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = [
    "ASSUMED_CONTEXT_WINDOW",
    "DUPLICATE_MODEL",
    "INVALID_VALUE",
    "MAX_TOKENS_EXCEEDS_CONTEXT",
    "NO_MODELS",
    "check",
]

NO_MODELS: Final = Rule(
    "no-models",
    "error",
    "a declared provider without models",
    """A provider that is declared is not discovered: what `models` lists is all there is. An empty list
therefore is a provider that nothing can be asked of. Either list its models, or keep it dynamic with `"<id>/*": {}`
in `agents.defaults.models`, or, for `vllm` at its default address, leave the entry out and set `VLLM_API_KEY`.""",
    '{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } } }',
    '{ models: { providers: { vllm: { baseUrl: "http://10.0.0.5:8000/v1", models: [] } } },\n'
    '  agents: { defaults: { models: { "vllm/*": {} } } } }',
)
DUPLICATE_MODEL: Final = Rule(
    "duplicate-model",
    "error",
    "two entries of one provider have the same id",
    """Which of the two would hold is anybody's guess: the window, prices and limits of one are silently lost.""",
    """{ models: { providers: { vllm: { models: [
  { id: "llama", contextWindow: 8192 },
  { id: "llama", contextWindow: 8192, maxTokens: 64 },
] } } } }""",
    '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192, maxTokens: 64 }] } } } }',
)
MAX_TOKENS_EXCEEDS_CONTEXT: Final = Rule(
    "max-tokens-exceeds-context",
    "error",
    "more output tokens than the context window holds",
    """The window holds the prompt and the answer together. A server refuses a request for more tokens than its
window (vLLM answers 400), so an entry like this fails at its first use. A window that is not stated is taken as
128000.""",
    '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 4096, maxTokens: 8192 }] } } } }',
    '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 16384, maxTokens: 8192 }] } } } }',
)
ASSUMED_CONTEXT_WINDOW: Final = Rule(
    "assumed-context-window",
    "info",
    "a context window that nobody stated",
    """A declared model without `contextWindow` is taken to have one of 128000 tokens, since its server is not
asked. The manifest says so (`contextWindowFrom: "default"`), and the share of the window that a completion used is as
wrong as the guess. State what the server was started with (vLLM: `--max-model-len`).""",
    '{ models: { providers: { vllm: { models: [{ id: "llama" }] } } } }',
    '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }',
)
INVALID_VALUE: Final = Rule(
    "invalid-value",
    "error",
    "a value that is none of those allowed",
    """Some settings take one of a few names: `api`, the items of `input`, `compat.maxTokensField`. A list must
not be empty or repeat an item where the schema says so. A provider's id holds no `/`, since references split on the
first one, and a model's id is not `*`, which in a reference stands for all of them. A header has a name that HTTP
allows (RFC 9110, §5.6.2), is none that says how the body is sent, and a value on one line.

A key's file (`source: "file"`) has a path. An `apiKey` of white space alone counts as none, which is a warning; `""`
says on purpose that no key is sent.""",
    """{ models: { providers: { vllm: { api: "openai-responses",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    """{ models: { providers: { vllm: { api: "openai-completions",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)


def check(context: Context) -> Iterator[Diagnostic]:
    """Check every provider's models."""
    for name, provider in providers(context.value):
        path: Path = ("models", "providers", name)
        if "/" in name or not name.strip():
            message = f"the provider id `{name}` holds a `/` or is empty, so no reference can name it"
            yield INVALID_VALUE.finding(context, path, message, "rename it", key=True)
        yield from _check_name(context, (*path, "api"), APIS, "API")
        yield from _check_key(context, (*path, "apiKey"))
        yield from _check_list(context, path, name, provider)
        dynamic = is_dynamic(context.value, name)
        seen: dict[str, Path] = {}
        assumed = []
        for index, model in declared_models(provider):
            yield from _check_model(context, (*path, "models", index), model, seen, dynamic=dynamic)
            here = (*path, "models", index)
            # What could not be read of an entry may be its window.
            if not (_states_a_window(model) or "$include" in model or context.document.is_damaged(here)):
                assumed.append((*here, "id"))
        if assumed and not dynamic:
            yield _assumed(context, assumed)


def _states_a_window(model: dict[str, Any]) -> bool:
    """Tell whether an entry states its window, be it under a misspelt name, which is a finding of its own."""
    return any(part in key.lower() for key in model for part in ("context", "window"))


def _check_key(context: Context, path: Path) -> Iterator[Diagnostic]:
    """Check that a stated key is one. An empty one says on purpose that none is sent."""
    file = context.text(*path, "path")
    if file is not None and not file.strip():
        message = f"`{config_path((*path, 'path'))}` names no file"
        yield INVALID_VALUE.finding(context, (*path, "path"), message, "write the path of the file that holds the key")
    key = context.text(*path)
    if key and not key.strip():
        message = f"`{config_path(path)}` holds white space alone, which counts as no key: none is sent"
        help_ = 'write the reference to the variable that holds the key, or `""` where the server asks for none'
        yield INVALID_VALUE.finding(context, path, message, help_)._replace(severity="warning")


def _check_list(context: Context, path: Path, name: str, provider: dict[str, Any]) -> Iterator[Diagnostic]:
    models = provider.get("models", [])
    if models == [] and not is_dynamic(context.value, name) and "$include" not in provider:
        place = (*path, "models") if "models" in provider else path
        misspelt = "models" not in provider and any(key.lower().startswith("mod") for key in provider)
        if context.document.is_damaged(path) or misspelt:
            return  # a finding of its own, after which this one says nothing new
        yield NO_MODELS.finding(
            context,
            place,
            f"the provider `{config_path(path)}` is declared and has no models, so it is not discovered either",
            f'list its models, or add `agents: {{ defaults: {{ models: {{ "{name}/*": {{}} }} }} }}` to ask its server',
            key=True,
        )


def _check_model(
    context: Context, path: Path, model: dict[str, Any], seen: dict[str, Path], *, dynamic: bool
) -> Iterator[Diagnostic]:
    identifier = model["id"]
    first = seen.setdefault(identifier, path)
    if first is not path and context.known(*path, "id"):
        related = (Related("first declared here", context.document.value_span((*first, "id"))),)
        message = f"the model `{identifier}` is declared twice by `{config_path(path[:3])}`"
        finding = DUPLICATE_MODEL.finding(context, (*path, "id"), message, "keep one of the two entries")
        yield finding._replace(related=related)
    if identifier == "*":
        message = f"the model id `*` in `{config_path((*path, 'id'))}` is the wildcard, which stands for many models"
        help_ = (
            f'write the model\'s id; `"{path[2]}/*": {{}}` in `agents.defaults.models` asks the server for all it has'
        )
        yield INVALID_VALUE.finding(context, (*path, "id"), message, help_)
    elif identifier != identifier.strip() or not identifier:
        message = f"`{config_path((*path, 'id'))}` is empty or has white space around it, so no reference can name it"
        yield INVALID_VALUE.finding(context, (*path, "id"), message, "write what the server calls the model")
    limit = model.get("maxTokens")
    window = model.get("contextWindow", None if dynamic else DEFAULT_CONTEXT_WINDOW)
    if type(limit) is int and type(window) is int and limit > window > 0:
        stated = "" if "contextWindow" in model else ", the default where none is stated"
        yield MAX_TOKENS_EXCEEDS_CONTEXT.finding(
            context,
            (*path, "maxTokens"),
            f"`{config_path(path)}.maxTokens` is {limit}, more than the context window of {window} tokens{stated}",
            f"write at most {window}, less what prompts need, or state the model's true `contextWindow`",
        )
    if (inputs := model.get("input")) is not None and inputs != ["text"] and isinstance(inputs, list):
        for index in range(len(inputs)):
            yield from _check_name(context, (*path, "input", index), INPUTS, "kind of input")
    if "compat" in model:
        yield from _check_name(context, (*path, "compat", "maxTokensField"), MAX_TOKENS_FIELDS, "request field")


def _assumed(context: Context, paths: list[Path]) -> Diagnostic:
    """Report a provider's models without a window: one finding, however many they are."""
    first = config_path(paths[0][:-1])
    states = f" and {len(paths) - 1} more of its provider state" if len(paths) > 1 else " states"
    message = f"`{first}`{states} no `contextWindow`, and {DEFAULT_CONTEXT_WINDOW} tokens are assumed"
    return ASSUMED_CONTEXT_WINDOW.finding(context, paths[0], message, "state the window of the server that serves it")


def _check_name(context: Context, path: Path, known: tuple[str, ...], what: str) -> Iterator[Diagnostic]:
    """Check a value that is one of a few names."""
    text = context.text(*path)
    if text is None or text in known:
        return
    near = nearest(text, known) if len(known) > 1 else None
    help_ = f"did you mean `{near}`?" if near else f"supported: {listed(known)}"
    yield INVALID_VALUE.finding(
        context, path, f"the {what} `{shown(path, text)}` in `{config_path(path)}` is not supported", help_
    )
