"""References in a document's strings, resolved, with the origin of every piece kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.positions import config_path, is_secret_position, shown
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
    "Expanded",
    "Expansion",
    "Layer",
    "Variables",
    "expand",
    "text_span",
]

# What Genesis owns; the strings of other sections are other programs' business. `env.vars` is never expanded.
_OWNED: Final = (("models",), ("agents", "defaults", "model"), ("agents", "defaults", "models"), ("auth",))
_FOREIGN_STARTS: Final = frozenset("$o{%")


class Layer(NamedTuple):
    """One place that variables come from: what it is called in messages, and what it holds."""

    origin: str
    values: Mapping[str, str]


class Variables(NamedTuple):
    """Where variables come from, the first hit wins.

    Attributes:
        layers: The process environment, then `--env-file` files in order. The document's `env.vars` come after them.
        complete: Whether a name that no layer has is unset. Without that it is only unknown: `check` does not look at
            the machine that it runs on.
    """

    layers: tuple[Layer, ...] = ()
    complete: bool = False

    def find(self, name: str) -> tuple[str, str] | None:
        """Give the value of a variable and where it came from."""
        return next(((layer.values[name], layer.origin) for layer in self.layers if name in layer.values), None)

    def merged(self) -> dict[str, str]:
        """Give every variable by its name."""
        merged: dict[str, str] = {}
        for layer in reversed(self.layers):
            merged |= layer.values
        return merged


class Expanded(NamedTuple):
    """One string that holds references, after expansion.

    Attributes:
        template: The string as it is written.
        resolved: What became of it; its value is None where a variable has no value or an unknown one.
        origins: For each variable in it that has a value, where that came from.
        unknown: Whether a variable in it may have a value that is not looked at, or not to be shown.
        secret: Whether it stands in a secret position.
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
        value: The document's value. A string without a known value is there as it is written, and so is every string
            in a secret position or with a secret variable: what is in `value` may be shown. Ask `strings` which ones
            those are.
        strings: The strings that hold references, by path.
    """

    value: Any
    strings: dict[Path, Expanded]
    diagnostics: list[Diagnostic]

    def secret_names(self) -> frozenset[str]:
        """Name the variables whose values never appear in plain text: by where they are used, or by their name."""
        return _secret_names(self.strings.values())


def expand(document: Document, variables: Variables) -> Expansion:
    """Resolve every reference that Genesis owns, in one pass: what a variable contains is never expanded again.

    All problems are reported together. An unset variable in a secret position is none here: whether its value is needed
    is known only when a request is.
    """
    strings: dict[Path, Expanded] = {}
    diagnostics: list[Diagnostic] = []
    value = document.value
    copies: dict[Path, Any] = {}
    roots = _OWNED if any(_may_hold_references(source.text) for source in document.sources) else ()
    declared = Layer("env.vars", _declared(value))
    for root in roots:
        for path, template in _references(_at(value, root), root):
            if path[3:] == ("apiKey", "id"):
                continue  # a name and no text: see below
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
            message = f"`{config_path(path)}.id` is no variable's name: names are upper-case letters, digits and `_`"
            span = document.value_span((*path, "id"))
            diagnostics.append(Diagnostic("malformed-reference", message, span, "write the name of a variable"))
    hidden = _secret_names(strings.values())
    for path, string in strings.items():
        if string.secret or string.resolved.value is None:
            continue
        if hidden.isdisjoint(names(string.template)):
            value = _replace(value, copies, path, string.resolved.value)
        else:
            # That is an error (`secret-in-plain-position`), and what other rules say of it must not hold the key.
            strings[path] = string._replace(resolved=string.resolved._replace(value=None), unknown=True)
    return Expansion(value, strings, diagnostics)


def text_span(document: Document, path: Path, text: str, start: int, end: int) -> Span:
    """Place the characters `start` to `end` of the string at `path`; the whole string where escapes hide them."""
    span = document.value_span(path)
    offset = span.start + 1
    if span.source.text[offset : span.end - 1] != text:
        return span
    return Span(span.source, offset + start, offset + end)


def _secret_names(strings: Iterable[Expanded]) -> frozenset[str]:
    return frozenset(
        name for string in strings for name in names(string.template) if string.secret or is_secret_variable(name)
    )


def _may_hold_references(text: str) -> bool:
    return "$" in text or "os.environ/" in text or "{{" in text or "%" in text or "\\" in text


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _declared(value: Any) -> dict[str, str]:
    """Give the variables that the document itself declares."""
    variables = _at(value, ("env", "vars"))
    if not isinstance(variables, dict):
        return {}
    return {name: text for name, text in variables.items() if isinstance(text, str)}


def _named_variables(value: Any) -> Iterator[tuple[Path, str]]:
    """Find the keys that name their variable in an object, and the names."""
    providers = _at(value, ("models", "providers"))
    for provider, entry in providers.items() if isinstance(providers, dict) else ():
        if not isinstance(entry, dict) or _is_aside(("models", "providers"), provider):
            continue
        key = entry.get("apiKey")
        if isinstance(key, dict) and key.get("source") == "env" and isinstance(key.get("id"), str):
            yield ("models", "providers", provider, "apiKey"), key["id"]


def _references(value: Any, path: Path) -> list[tuple[Path, str]]:
    """Find the strings that hold a `$` or another tool's reference, with their paths."""
    found: list[tuple[Path, str]] = []
    _collect(value, path, found)
    return found


def _collect(value: Any, path: Path, found: list[tuple[Path, str]]) -> None:
    """Add a value's strings to what was found. A file of 10,000 models has 80,000 values: most have nothing to find."""
    items: Any
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        items = ()
        if isinstance(value, str) and ("$" in value or foreign_dialect(value)):
            found.append((path, value))
    for key, item in items:
        kind = type(item)
        if kind is str:
            if ("$" in item or (item[:1] in _FOREIGN_STARTS and foreign_dialect(item))) and not _is_aside(path, key):
                found.append(((*path, key), item))
        elif (kind is dict or kind is list) and not _is_aside(path, key):
            _collect(item, (*path, key), found)


def _is_aside(path: Path, key: str | int) -> bool:
    """Tell whether a key's value is no text of Genesis; in `params` and `headers` all names are meant.

    Those are keys that anybody may add, and `$include`, which was looked at before.
    """
    extension = isinstance(key, str) and (key in {"$schema", "$include"} or key.startswith("x-"))
    return extension and not ("params" in path or path[-1] == "headers")


def _expand_string(path: Path, template: str, variables: Variables, *, secret: bool) -> Expanded:
    origins: dict[str, str] = {}
    unknown: list[str] = []

    def lookup(name: str) -> str | None:
        found = variables.find(name)
        if found is None:
            if not variables.complete:
                unknown.append(name)
            return None
        origins[name] = found[1]
        return found[0]

    resolved = resolve(template, lookup)
    if unknown:
        known = tuple(problem for problem in resolved.problems if problem.reference.name not in unknown)
        resolved = resolved._replace(value=None, problems=known)
    return Expanded(path, template, resolved, origins, bool(unknown), secret)


def _diagnose(document: Document, string: Expanded, variables: Variables) -> Iterator[Diagnostic]:
    """Report what is wrong with one string. Nothing of a string in a secret position is repeated."""
    path, template = string.path, string.template
    where = config_path(path)
    foreign = foreign_dialect(template)
    if foreign is not None:
        # A password may start with a `$`: of a key only what is written like a variable is taken for one.
        hidden = shown(path, template) != template
        name = "NAME" if hidden else foreign.upper()
        yield Diagnostic(
            "malformed-reference",
            f"`{where}` names a variable in another tool's way, which is plain text here",
            document.value_span(path),
            f"write `${{{name}}}`",
        )
    for part in parse(template):
        if isinstance(part, Malformed):
            span = text_span(document, path, template, part.start, part.end)
            reason, help_ = part.reason, part.help
            if string.secret or shown(path, template) != template:
                reason, help_ = "this looks like a reference and is none", "write `${NAME}`, in upper-case letters"
            finding = Diagnostic("malformed-reference", f"in `{where}`, {reason}", span, help_)
            repeats_default = string.secret and ":" in part.text
            yield finding if repeats_default else finding._replace(fix=_in_upper_case(part, span, variables))
    if string.secret:
        return
    for problem in string.resolved.problems:
        reference = problem.reference
        name = reference.name
        span = text_span(document, path, template, reference.start, reference.end)
        default = "" if reference.message is not None else f", or write a default: `${{{name}:-…}}`"
        reason = f": {without_keys(reference.message)}" if reference.message else ""
        if name not in string.origins:
            message = f"the variable `{name}` is not set, and `{where}` needs it{reason}"
            yield Diagnostic("unset-variable", message, span, f"export {name} or put it into an --env-file{default}")
        elif problem.kind == "empty":
            message = f"the variable `{name}` is empty, and `{where}` needs it{reason}"
            help_ = f"give it a value where it comes from: {string.origins[name]}"
            yield Diagnostic("unset-variable", message, span, help_)
        else:
            message = f"the variable `{name}` is empty, and `{where}` uses it as it is"
            help_ = f"give it a value where it comes from ({string.origins[name]}){default}"
            yield Diagnostic("empty-variable", message, span, help_, severity="warning")


def _in_upper_case(part: Malformed, span: Span, variables: Variables) -> Fix | None:
    """Give the fix of `${lower}` where `LOWER` is known, so that nothing else can be meant."""
    if part.lower is None or variables.find(part.lower.upper()) is None:
        return None
    if span.source.text[span.start : span.end] != part.text:
        return None  # escapes hide it
    right = part.text.replace(part.lower, part.lower.upper(), 1)
    return Fix(f"write `{right}`", (Edit(span, right),))


def _replace(value: Any, copies: dict[Path, Any], path: Path, text: str) -> Any:
    """Give `value` with the string at `path` replaced.

    The document's own value is never changed: what is on the way to the string is copied, once, and `copies` says what
    already was.
    """
    root = node = copies.setdefault((), value if () in copies else value.copy())
    for depth in range(1, len(path)):
        here = path[:depth]
        if here not in copies:
            copies[here] = node[path[depth - 1]] = node[path[depth - 1]].copy()
        node = copies[here]
    node[path[-1]] = text
    return root
