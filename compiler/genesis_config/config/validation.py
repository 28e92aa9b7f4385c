"""A document against the configuration's schema.

`jsonschema-rs` gives the fast yes; only where it says no does `jsonschema` say why, since that takes six times as long
to import and is 180 times slower on large input. A test holds both to the same verdict.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.positions import config_path
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix, Path
from genesis_config.diagnostics.suggestions import listed, meant, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jsonschema_rs
    from jsonschema.exceptions import ValidationError

    from genesis_config.diagnostics.source import Span
    from genesis_config.syntax import Document

__all__ = ["SECTIONS", "schema_text", "validate"]

SECTIONS: Final = ("$include", "$schema", "agents", "auth", "env", "models")

_TYPES: Final = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_compiled: list[jsonschema_rs.Validator] = []


def schema_text(name: str) -> str:
    """Give the text of a schema that Genesis ships: `config` or `manifest`.

    Raises:
        OSError: There is no such schema.
    """
    import genesis_config.schema  # importlib.resources would cost 15 ms, and this package is always files

    path = os.path.join(os.path.dirname(genesis_config.schema.__file__ or ""), f"{name}.schema.json")
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def validate(document: Document) -> list[Diagnostic]:
    """Report where a document breaks the schema. It holds for the text as written, before expansion."""
    value = document.value
    if not isinstance(value, dict):
        return []
    findings = list(_unknown_sections(document))
    if not _validator().is_valid(value):
        findings += _explain(document)
    return findings


def _validator() -> jsonschema_rs.Validator:
    """Give the compiled schema; several files in one process share it."""
    if not _compiled:
        _compiled.append(_import_jsonschema_rs().Draft202012Validator(schema_text("config")))
    return _compiled[0]


def _import_jsonschema_rs() -> Any:
    """Import `jsonschema_rs`, without what it needs for its build date alone.

    It turns that date into a `datetime` when it is imported, and `email.utils`, which it takes for that, brings along
    sockets, random numbers and calendars: 13 of 36 ms (CPython 3.11, jsonschema-rs 0.48), a quarter of what `check`
    takes. Nothing here looks at the date, so another function stands in for the one that is asked for it.
    """
    import importlib
    import types

    name = "email.utils"
    if name not in sys.modules:
        stand_in = types.ModuleType(name)
        stand_in.parsedate_to_datetime = lambda _: None  # type: ignore[attr-defined] # a module is what one makes of it
        sys.modules[name] = stand_in
        try:
            return importlib.import_module("jsonschema_rs")
        except (ImportError, AttributeError, TypeError):
            pass  # another version wants more of it, and gets the whole
        finally:
            del sys.modules[name]
    return importlib.import_module("jsonschema_rs")


def _unknown_sections(document: Document) -> Iterator[Diagnostic]:
    for section in document.value:
        if section not in SECTIONS and not section.startswith("x-") and not document.is_damaged((section,)):
            near = nearest(section, ("agents", "auth", "env", "models"))
            help_ = (
                f"did you mean `{near}`?" if near else "it is left to whatever reads it; Genesis checks nothing in it"
            )
            message = f"the section `{without_keys(section)}` is none that Genesis knows"
            yield Diagnostic("unknown-section", message, document.key_span((section,)), help_, severity="warning")
    # What else is in `agents` belongs to others, and what is nearly one of Genesis' keys may not.
    agents = document.value.get("agents")
    defaults = agents.get("defaults") if isinstance(agents, dict) else None
    yield from _misspelt(document, ("agents",), agents, ("defaults",))
    yield from _misspelt(document, ("agents", "defaults"), defaults, ("model", "models"))


def _misspelt(document: Document, path: Path, value: Any, known: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Warn of keys that are nearly one that is known and not given."""
    for key in value if isinstance(value, dict) else ():
        # Those that are as far away as most keys of others need no search, whose import takes 2 ms.
        maybe = key not in known and any(key[:1].lower() == word[0] and len(key) < len(word) + 3 for word in known)
        near = nearest(key, known) if maybe else None
        if near is not None and near not in value:
            where = config_path(path)
            message = f"the key `{without_keys(key)}` in `{where}` is none that Genesis knows"
            span = document.key_span((*path, key))
            yield Diagnostic("unknown-section", message, span, f"did you mean `{near}`?", severity="warning")


def _explain(document: Document) -> Iterator[Diagnostic]:
    """Ask `jsonschema` what is wrong, and put each error where it is in the text."""
    import json  # only a file with mistakes needs these two

    import jsonschema

    for error in jsonschema.Draft202012Validator(json.loads(schema_text("config"))).iter_errors(document.value):
        yield from _translate(document, error)


def _translate(document: Document, error: ValidationError) -> Iterator[Diagnostic]:  # noqa: C901 - a branch a keyword
    """Turn one error into diagnostics. No value of the document is repeated: it could be a secret."""
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    # What the keyword asks for, by the schema: the stubs know no more than that it may be unset.
    wanted: Any = error.validator_value
    instance: Any = error.instance
    where = config_path(path)
    if keyword == "anyOf":
        yield from _chosen_branch(document, error)
    elif document.is_damaged(path):
        # What stands here was not read as it was meant: the syntax error says so already.
        return
    elif keyword == "additionalProperties":
        yield from _unknown_keys(document, error)
    elif keyword == "required":
        for key in wanted:
            if key not in instance:
                message = f"`{where}` has no `{key}`, which is required"
                yield Diagnostic("missing-key", message, document.open_span(path), f"add `{key}: …`")
    elif keyword == "type":
        yield _wrong_type(document, path, [wanted] if isinstance(wanted, str) else wanted, instance)
    elif keyword in {"minimum", "exclusiveMinimum"}:
        bound = "more than" if keyword == "exclusiveMinimum" else "at least"
        message = f"`{where}` must be {bound} {wanted}"
        yield Diagnostic("out-of-range", message, document.value_span(path), _described(error.schema))
    elif keyword in {"enum", "const"}:
        allowed = wanted if keyword == "enum" else [wanted]
        help_ = f"write one of {listed(map(str, allowed))}"
        yield Diagnostic("invalid-value", f"`{where}` has a value that is not known", document.value_span(path), help_)
    elif keyword == "minItems":
        help_ = _described(error.schema) or "add one, or leave the key out"
        yield Diagnostic("invalid-value", f"`{where}` is empty", document.value_span(path), help_)
    elif keyword == "uniqueItems":
        yield Diagnostic(
            "invalid-value", f"`{where}` lists an item twice", document.value_span(path), "remove one of them"
        )
    else:
        # A property that its schema forbids (`not: {}`): it belongs to another kind of this object.
        message = f"`{where}` does not belong here"
        yield Diagnostic("unknown-key", message, document.key_span(path), "remove it, or change the `source` beside it")


def _chosen_branch(document: Document, error: ValidationError) -> Iterator[Diagnostic]:
    """Report a union: the branch that the value's JSON type chose, or all types where it chose none."""
    branches: Any = error.validator_value
    depth = len(error.absolute_path)
    wrong = {
        child.schema_path[0]
        for child in error.context
        if child.validator == "type" and len(child.absolute_path) == depth
    }
    for child in error.context:
        if child.schema_path[0] not in wrong:
            yield from _translate(document, child)
    if len(wrong) == len(branches) and not document.is_damaged(tuple(error.absolute_path)):
        wanted = [branch["type"] for branch in branches]
        finding = _wrong_type(document, tuple(error.absolute_path), wanted, error.instance)
        yield finding._replace(help=finding.help or _examples(error.schema))


def _unknown_keys(document: Document, error: ValidationError) -> Iterator[Diagnostic]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    properties = schema.get("properties", {})
    known = sorted(key for key in properties if not key.startswith("$"))
    renamed: set[str] = set()
    for key in instance:
        # A key without a value is a syntax error, which says so.
        if key not in properties and not key.startswith("x-") and not document.is_damaged((*path, key)):
            near = nearest(key, known)
            help_ = f"known keys: {listed(known)}"
            if near is not None:
                help_ = f"did you mean `{near}`? {help_}"
            message = f"unknown key `{without_keys(key)}` in `{config_path(path)}`"
            span = document.key_span((*path, key))
            right = meant(key, known)
            fix = None
            if right is not None and right not in instance and right not in renamed:
                renamed.add(right)
                fix = _renaming(span, right, document.value_span((*path, key)))
            yield Diagnostic("unknown-key", message, span, help_, fix=fix)


def _renaming(key: Span, name: str, value: Span) -> Fix:
    """Rename a key, in the quotes that it has; its value was nobody's until then."""
    quote = key.source.text[key.start : key.start + 1]
    written = f"{quote}{name}{quote}" if quote in {'"', "'"} else name
    # What is merged of several files stands in none of them as a whole.
    end = value.end if value.source is key.source else key.end
    return Fix(f"rename it to `{name}`", (Edit(key, written),), key._replace(end=max(key.end, end)))


def _wrong_type(document: Document, path: Path, wanted: list[str], value: Any) -> Diagnostic:
    types = " or ".join(_TYPES[name] for name in wanted)
    message = f"`{config_path(path)}` must be {types}, and is {_TYPES[_type_of(value)]}"
    help_ = None
    if isinstance(value, str) and wanted[0] in {"integer", "number"} and value.strip().isdigit():
        help_ = "write the number without quotes"
    elif isinstance(value, str) and wanted == ["boolean"] and value in {"true", "false"}:
        help_ = f"write {value} without quotes"
    elif wanted == ["array"] and isinstance(value, str | dict):
        help_ = "write it in brackets: `[ … ]`"
    return Diagnostic("wrong-type", message, document.value_span(path), help_)


def _type_of(value: Any) -> str:
    """Name the JSON type of a value."""
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "object"


def _examples(schema: Any) -> str | None:
    """Give the examples that the schema has of a value."""
    import json

    examples = schema.get("examples") if isinstance(schema, dict) else None
    return f"for example {' or '.join(f'`{json.dumps(example)}`' for example in examples)}" if examples else None


def _described(schema: Any) -> str | None:
    """Give the first sentence of what the schema says about itself."""
    text = schema.get("description") if isinstance(schema, dict) else None
    return text.partition(". ")[0].rstrip(".") if isinstance(text, str) else None
