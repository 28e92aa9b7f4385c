"""What the errors of the schema's validator mean for whoever wrote the configuration.

No value of the document is repeated: it could be a secret.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from genesis_config.config.positions import config_path
from genesis_config.credentials.patterns import without_keys
from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix, Path
from genesis_config.diagnostics.suggestions import listed, meant, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import jsonschema_rs

    from genesis_config.diagnostics.source import Span
    from genesis_config.syntax import Document

__all__ = ["explain"]

_TYPES: Final = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def explain(document: Document, errors: Iterable[jsonschema_rs.ValidationError], root: object) -> Iterator[Diagnostic]:
    """Report errors of the validator, each at its place in the text.

    Args:
        document: What was validated.
        errors: What the validator found.
        root: The schema.
    """
    for error in errors:
        violation = _violation(document, error, root)
        if violation.keyword == "anyOf":
            yield from _chosen_branch(document, violation, root)
        # A damaged value was not read as it was meant: the syntax error says so already.
        elif not document.is_damaged(violation.path):
            yield from _REPORTS.get(violation.keyword, _forbidden_key)(document, violation)


class _Violation(NamedTuple):
    """What an error is about.

    Attributes:
        path: Where the value is in the document.
        value: The value.
        schema: The schema that the value breaks.
        keyword: The keyword of that schema.
        detail: The bound, the allowed values, the missing or unexpected keys or the branches' errors, by keyword.
    """

    path: Path
    value: Any
    schema: Any
    keyword: str
    detail: Any


def _violation(document: Document, error: jsonschema_rs.ValidationError, root: Any) -> _Violation:
    """Look up what an error is about; `error.instance` would be another copy of the value."""
    value, schema = document.value, root
    for part in error.instance_path:
        value = value[part]
    for part in error.schema_path[:-1]:
        schema = schema[part]
    return _Violation(tuple(error.instance_path), value, schema, error.kind.name, error.kind.value)


def _chosen_branch(document: Document, violation: _Violation, root: Any) -> Iterator[Diagnostic]:
    """Report a union: the branch that the value's JSON type chose, or all types if it chose none."""
    chosen = [
        errors
        for errors in violation.detail
        if not any(error.kind.name == "type" and tuple(error.instance_path) == violation.path for error in errors)
    ]
    for errors in chosen:
        yield from explain(document, errors, root)
    if not chosen and not document.is_damaged(violation.path):
        finding = _wrong_type(document, violation, [branch["type"] for branch in violation.schema["anyOf"]])
        yield finding._replace(help=finding.help or _examples(violation.schema))


def _forbidden_key(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    """Report a property that its schema forbids (`not: {}`): it belongs to another kind of this object."""
    message = f"`{config_path(violation.path)}` does not belong here"
    help_ = "remove it, or change the `source` beside it"
    yield Diagnostic("unknown-key", message, document.key_span(violation.path), help_)


def _missing_key(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    message = f"`{config_path(violation.path)}` has no `{violation.detail}`, which is required"
    yield Diagnostic("missing-key", message, document.open_span(violation.path), f"add `{violation.detail}: …`")


def _one_type(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    yield _wrong_type(document, violation, violation.detail)


def _out_of_range(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    bound = "more than" if violation.keyword == "exclusiveMinimum" else "at least"
    message = f"`{config_path(violation.path)}` must be {bound} {violation.detail}"
    yield Diagnostic("out-of-range", message, document.value_span(violation.path), _described(violation.schema))


def _unknown_value(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    allowed = violation.detail if violation.keyword == "enum" else [violation.detail]
    message = f"`{config_path(violation.path)}` has a value that is not known"
    help_ = f"write one of {listed(map(str, allowed))}"
    yield Diagnostic("invalid-value", message, document.value_span(violation.path), help_)


def _empty(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    help_ = _described(violation.schema) or "add one, or leave the key out"
    message = f"`{config_path(violation.path)}` is empty"
    yield Diagnostic("invalid-value", message, document.value_span(violation.path), help_)


def _repeated(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    message = f"`{config_path(violation.path)}` lists an item twice"
    yield Diagnostic("invalid-value", message, document.value_span(violation.path), "remove one of them")


def _unknown_keys(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    known = sorted(key for key in violation.schema["properties"] if not key.startswith("$"))
    taken = set(violation.value)  # no key is renamed to one of these
    unknown = set(violation.detail)
    for key in violation.value:
        path = (*violation.path, key)
        # A key without a value is a syntax error, which says so.
        if key not in unknown or document.is_damaged(path):
            continue
        near, right = nearest(key, known), meant(key, known)
        help_ = f"did you mean `{near}`? " if near is not None else ""
        message = f"unknown key `{without_keys(key)}` in `{config_path(violation.path)}`"
        span = document.key_span(path)
        fix = None
        if right is not None and right not in taken:
            taken.add(right)
            fix = _renaming(span, right, document.value_span(path))
        yield Diagnostic("unknown-key", message, span, f"{help_}known keys: {listed(known)}", fix=fix)


_REPORTS: Final[Mapping[str, Callable[[Document, _Violation], Iterator[Diagnostic]]]] = {
    "additionalProperties": _unknown_keys,
    "const": _unknown_value,
    "enum": _unknown_value,
    "exclusiveMinimum": _out_of_range,
    "minItems": _empty,
    "minimum": _out_of_range,
    "required": _missing_key,
    "type": _one_type,
    "uniqueItems": _repeated,
}


def _renaming(key: Span, name: str, value: Span) -> Fix:
    """Rename a key, in the quotes that it has; its value was nobody's until then."""
    quote = key.source.text[key.start : key.start + 1]
    written = f"{quote}{name}{quote}" if quote in {'"', "'"} else name
    # What is merged of several files stands in none of them as a whole.
    end = value.end if value.source is key.source else key.end
    return Fix(f"rename it to `{name}`", (Edit(key, written),), key._replace(end=max(key.end, end)))


def _wrong_type(document: Document, violation: _Violation, wanted: list[str]) -> Diagnostic:
    path, value = violation.path, violation.value
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


def _type_of(value: object) -> str:
    """Name the JSON type of a value."""
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "object"


def _examples(schema: object) -> str | None:
    """Give the examples that the schema has of a value."""
    examples = schema.get("examples") if isinstance(schema, dict) else None
    return f"for example {' or '.join(f'`{json.dumps(example)}`' for example in examples)}" if examples else None


def _described(schema: object) -> str | None:
    """Give the first sentence of what the schema says about itself."""
    text = schema.get("description") if isinstance(schema, dict) else None
    return text.partition(". ")[0].rstrip(".") if isinstance(text, str) else None
