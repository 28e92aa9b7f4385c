"""Expansion of the references in a document's strings, which keeps track of where each value comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.paths import config_path, is_secret_position
from genesis_config.credentials.names import is_secret_variable
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix, Path
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.source import Span
from genesis_config.syntax.references import NAME, Malformed, Resolved, foreign_dialect, names, parse, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from genesis_config.syntax import Document

__all__ = [
    "ExpandedString",
    "Expansion",
    "Layer",
    "Variables",
    "expand",
    "text_span",
]

# The sections whose strings are expanded. All others belong to other programs, and `env.vars` is never expanded.
_OWNED: Final = (("models",), ("agents", "defaults", "model"), ("agents", "defaults", "models"), ("auth",))
_FOREIGN_STARTS: Final = frozenset("$o{%")


class Layer(NamedTuple):
    """One source of variables: its name in messages, and the variables it sets."""

    origin: str
    values: Mapping[str, str]


class Variables(NamedTuple):
    """The sources of variables in order of precedence: the first that sets a variable wins.

    Attributes:
        layers: The process environment, then `--env-file` files in order. The document's `env.vars` come after them.
        complete: Whether a variable that no layer sets is unset. Otherwise it is only unknown, because `check` does not
            read the environment of the machine it runs on.
    """

    layers: tuple[Layer, ...] = ()
    complete: bool = False

    def find(self, name: str) -> tuple[str, str] | None:
        """Return the value of a variable and its origin; None if no layer sets it."""
        return next(((layer.values[name], layer.origin) for layer in self.layers if name in layer.values), None)

    def merged(self) -> dict[str, str]:
        """Return the value of every variable by name."""
        merged: dict[str, str] = {}
        for layer in reversed(self.layers):
            merged |= layer.values
        return merged


class ExpandedString(NamedTuple):
    """One string that contains references, after expansion.

    Attributes:
        path: Its path in the document.
        template: The string as written.
        resolved: The result of the expansion. Its value is None if a variable is unset or unknown.
        origins: The origin of the value of each variable in the string, by name.
        unknown: Whether a variable in it is unknown, or has a value that must not be shown.
        secret: Whether it is in a secret position.
    """

    path: Path
    template: str
    resolved: Resolved
    origins: dict[str, str]
    unknown: bool
    secret: bool


class Expansion(NamedTuple):
    """A document with its references resolved.

    Attributes:
        value: The document's value, which never contains the value of a secret. Strings stay as written if their value
            is unknown, if they are in a secret position, or if they use a secret variable; see `strings`.
        strings: The strings that contain references, by path.
        diagnostics: The problems with references.
    """

    value: Any
    strings: dict[Path, ExpandedString]
    diagnostics: list[Diagnostic]

    def secret_names(self) -> frozenset[str]:
        """Return the variables that are secret, because of their names or because a secret position uses them."""
        return _secret_names(self.strings.values())


def expand(document: Document, variables: Variables) -> Expansion:
    """Resolve all references in the sections of Genesis, in one pass: the value of a variable is not expanded again.

    All problems are reported together. An unset variable in a secret position is not a problem here, because its value
    is needed only when a request is made.
    """
    strings: dict[Path, ExpandedString] = {}
    diagnostics: list[Diagnostic] = []
    value = document.value
    copies: dict[Path, Any] = {}
    roots = _OWNED if any(_may_contain_references(source.text) for source in document.sources) else ()
    declared = Layer("env.vars", _declared_variables(value))
    for root in roots:
        for path, template in _references(_value_at(value, root), root):
            if path[3:] == ("apiKey", "id"):
                continue  # the name of a variable, see below
            secret = is_secret_position(path)
            layers = variables.layers if secret else (*variables.layers, declared)
            known = variables._replace(layers=layers)
            string = _expand_string(path, template, known, secret=secret)
            strings[path] = string
            diagnostics += _diagnose(document, string, known)
    for path, name in _named_variables(document.value):
        if re.fullmatch(NAME, name):
            # `{source: "env", id: "NAME"}` is another way to write `${NAME}`.
            strings[path] = _expand_string(path, f"${{{name}}}", variables, secret=True)
        else:
            message = f"`{config_path(path)}.id` is not a valid variable name"
            span = document.value_span((*path, "id"))
            help_ = "use the name of a variable, in upper-case letters, digits and `_`"
            diagnostics.append(Diagnostic("malformed-reference", message, span, help_))
    hidden = _secret_names(strings.values())
    for path, string in strings.items():
        if string.secret or string.resolved.value is None:
            continue
        if hidden.isdisjoint(names(string.template)):
            value = _replace(value, copies, path, string.resolved.value)
        else:
            # `secret-in-plain-position` reports this. The messages of other rules must not contain the key.
            strings[path] = string._replace(resolved=string.resolved._replace(value=None), unknown=True)
    return Expansion(value, strings, diagnostics)


def text_span(document: Document, path: Path, text: str, start: int, end: int) -> Span:
    """Return the span of the characters `start` to `end` of the string at `path`.

    That is the span of the whole string if it contains escapes, since offsets in the source then differ.
    """
    span = document.value_span(path)
    offset = span.start + 1
    if span.source.text[offset : span.end - 1] != text:
        return span
    return Span(span.source, offset + start, offset + end)


def _secret_names(strings: Iterable[ExpandedString]) -> frozenset[str]:
    return frozenset(
        name for string in strings for name in names(string.template) if string.secret or is_secret_variable(name)
    )


def _may_contain_references(text: str) -> bool:
    return "$" in text or "os.environ/" in text or "{{" in text or "%" in text or "\\" in text


def _value_at(value: Any, path: Path) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _declared_variables(value: Any) -> dict[str, str]:
    """Return the variables that the document itself declares."""
    variables = _value_at(value, ("env", "vars"))
    if not isinstance(variables, dict):
        return {}
    return {name: text for name, text in variables.items() if isinstance(text, str)}


def _named_variables(value: Any) -> Iterator[tuple[Path, str]]:
    """Yield the path of each `apiKey` that is an object with the name of a variable, and that name."""
    providers = _value_at(value, ("models", "providers"))
    for provider, entry in providers.items() if isinstance(providers, dict) else ():
        if not isinstance(entry, dict) or _is_ignored(("models", "providers"), provider):
            continue
        key = entry.get("apiKey")
        if isinstance(key, dict) and key.get("source") == "env" and isinstance(key.get("id"), str):
            yield ("models", "providers", provider, "apiKey"), key["id"]


def _references(value: Any, path: Path) -> list[tuple[Path, str]]:
    """Return the strings that contain a `$` or a reference in another tool's syntax, with their paths."""
    references: list[tuple[Path, str]] = []
    _collect_references(value, path, references)
    return references


def _collect_references(value: Any, path: Path, references: list[tuple[Path, str]]) -> None:
    """Add the references in a value to `references`. It must be fast: a file of 10,000 models has 80,000 values."""
    items: Any
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        items = ()
        if isinstance(value, str) and ("$" in value or foreign_dialect(value)):
            references.append((path, value))
    for key, item in items:
        kind = type(item)
        if kind is str:
            if ("$" in item or (item[:1] in _FOREIGN_STARTS and foreign_dialect(item))) and not _is_ignored(path, key):
                references.append(((*path, key), item))
        elif (kind is dict or kind is list) and not _is_ignored(path, key):
            _collect_references(item, (*path, key), references)


def _is_ignored(path: Path, key: str | int) -> bool:
    """Return whether Genesis ignores a key: an extension, or `$include`, which has already been resolved.

    In `params` and `headers` no key is ignored.
    """
    extension = isinstance(key, str) and (key in {"$schema", "$include"} or key.startswith("x-"))
    return extension and not ("params" in path or path[-1] == "headers")


def _expand_string(path: Path, template: str, variables: Variables, *, secret: bool) -> ExpandedString:
    origins: dict[str, str] = {}
    unknown: list[str] = []

    def look_up(name: str) -> str | None:
        found = variables.find(name)
        if found is None:
            if not variables.complete:
                unknown.append(name)
            return None
        value, origins[name] = found
        return value

    resolved = resolve(template, look_up)
    if unknown:
        known = tuple(problem for problem in resolved.problems if problem.reference.name not in unknown)
        resolved = resolved._replace(value=None, problems=known)
    return ExpandedString(path, template, resolved, origins, bool(unknown), secret)


def _contains_secret(path: Path, template: str) -> bool:
    """Return whether a part of the string at `path` may not be shown."""
    from genesis_config.config.positions import shown  # for findings: 3 % of a check without cached bytecode

    return shown(path, template) != template


def _diagnose(document: Document, string: ExpandedString, variables: Variables) -> Iterator[Diagnostic]:
    """Yield the problems of one string. Messages never repeat text from a secret position."""
    path, template = string.path, string.template
    where = config_path(path)
    foreign = foreign_dialect(template)
    parts = list(parse(template))
    is_malformed = foreign is not None or any(isinstance(part, Malformed) for part in parts)
    hidden = is_malformed and _contains_secret(path, template)
    if foreign is not None:
        # A password may start with a `$`. In a secret position, only text in upper case is taken for a variable.
        name = "NAME" if hidden else foreign.upper()
        yield Diagnostic(
            "malformed-reference",
            f"`{where}` uses another tool's variable syntax, which Genesis treats as plain text",
            document.value_span(path),
            f"use `${{{name}}}`",
        )
    for part in parts:
        if isinstance(part, Malformed):
            span = text_span(document, path, template, part.start, part.end)
            reason, help_ = part.reason, part.help
            if string.secret or hidden:
                reason, help_ = "text looks like a reference but is not one", "use `${NAME}`, in upper-case letters"
            finding = Diagnostic("malformed-reference", f"in `{where}`, {reason}", span, help_)
            repeats_default = string.secret and ":" in part.text
            yield finding if repeats_default else finding._replace(fix=_in_upper_case(part, span, variables))
    if string.secret:
        return
    for problem in string.resolved.problems:
        reference = problem.reference
        name = reference.name
        span = text_span(document, path, template, reference.start, reference.end)
        default = "" if reference.message is not None else f", or use a default: `${{{name}:-…}}`"
        reason = f": {without_keys(reference.message)}" if reference.message else ""
        if name not in string.origins:
            message = f"the variable `{name}` is not set, but `{where}` needs its value{reason}"
            yield Diagnostic("unset-variable", message, span, f"set it in the environment or an --env-file{default}")
        elif problem.kind == "empty":
            message = f"the variable `{name}` is empty, but `{where}` needs its value{reason}"
            help_ = f"set a value in {string.origins[name]}"
            yield Diagnostic("unset-variable", message, span, help_)
        else:
            message = f"the variable `{name}` is empty, and `{where}` uses the empty value"
            help_ = f"set a value in {string.origins[name]}{default}"
            yield Diagnostic("empty-variable", message, span, help_, severity="warning")


def _in_upper_case(part: Malformed, span: Span, variables: Variables) -> Fix | None:
    """Return the fix for `${lower}` if `LOWER` is known, so that nothing else can be meant; else None."""
    if part.lower is None or variables.find(part.lower.upper()) is None:
        return None
    if span.source.text[span.start : span.end] != part.text:
        return None  # the string contains escapes
    corrected = part.text.replace(part.lower, part.lower.upper(), 1)
    return Fix(f"use `{corrected}`", (Edit(span, corrected),))


def _replace(value: Any, copies: dict[Path, Any], path: Path, text: str) -> Any:
    """Return `value` with the string at `path` replaced.

    The document's own value is never modified: each object and array on the path is copied once, and `copies` contains
    the copies made so far.
    """
    root = node = copies.setdefault((), value if () in copies else value.copy())
    for depth in range(1, len(path)):
        here = path[:depth]
        if here not in copies:
            copies[here] = node[path[depth - 1]] = node[path[depth - 1]].copy()
        node = copies[here]
    node[path[-1]] = text
    return root
