"""Translation of the schema validator's errors into findings for the author of a configuration.

Messages never repeat a value of the document, since it could be a secret.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from genesis_config.config.paths import config_path, shown_key
from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix, Path
from genesis_config.diagnostics.suggestions import correct_spelling, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import jsonschema_rs

    from genesis_config.diagnostics.source import Span
    from genesis_config.syntax import Document

__all__ = ["report_violations", "with_word_keys"]

# Put before a key that could be taken for the index of an array, and before a key that already starts with it.
_WORD: Final = "#"
_LIKE_INDEX: Final = r"\+?[0-9]+|#.*"

_TYPES: Final = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def with_word_keys(value: Any) -> Any:
    """Return a copy of a value for the validator, with no key that is a number.

    The paths in the errors of jsonschema-rs contain the number 1 for the keys `1`, `01` and `+1`, and for the second
    item of an array. The schema has no key that is a number, so that the copy has the same errors.
    """
    if isinstance(value, dict):
        return {
            f"{_WORD}{key}" if re.fullmatch(_LIKE_INDEX, key, re.DOTALL) else key: with_word_keys(item)
            for key, item in value.items()
        }
    return [with_word_keys(item) for item in value] if isinstance(value, list) else value


def _path(error: jsonschema_rs.ValidationError) -> Path:
    """Return the path of an error in the document itself."""
    return tuple(part.removeprefix(_WORD) if isinstance(part, str) else part for part in error.instance_path)


def report_violations(
    document: Document, errors: Iterable[jsonschema_rs.ValidationError], root: object
) -> Iterator[Diagnostic]:
    """Yield the findings for the errors of the validator, each at its place in the text.

    Args:
        document: The document that was validated.
        errors: The errors of the validator for the document's value `with_word_keys`.
        root: The schema.
    """
    for error in errors:
        violation = _violation(document, error, root)
        if violation.keyword == "anyOf":
            yield from _chosen_branch(document, violation, root)
        # A damaged value was not read correctly, which a syntax error already reports.
        elif not document.is_damaged(violation.path):
            yield from _REPORTS.get(violation.keyword, _forbidden_key)(document, violation)


class _Violation(NamedTuple):
    """A value that violates a schema.

    Attributes:
        path: The path of the value in the document.
        value: The value.
        schema: The schema that the value violates.
        keyword: The keyword of that schema.
        detail: Depending on the keyword: the bound, the allowed values, the missing or unexpected keys, or the errors
            of each branch.
    """

    path: Path
    value: Any
    schema: Any
    keyword: str
    detail: Any


def _violation(document: Document, error: jsonschema_rs.ValidationError, root: Any) -> _Violation:
    """Return the violation that an error reports. The value is looked up, because `error.instance` would copy it."""
    path = _path(error)
    value, schema = document.value, root
    for part in path:
        value = value[part]
    for part in error.schema_path[:-1]:
        schema = schema[part]
    return _Violation(path, value, schema, error.kind.name, error.kind.value)


def _chosen_branch(document: Document, violation: _Violation, root: Any) -> Iterator[Diagnostic]:
    """Yield the findings for a union: those of the branch that matches the value's JSON type, or the allowed types."""
    chosen = [
        errors
        for errors in violation.detail
        if not any(error.kind.name == "type" and _path(error) == violation.path for error in errors)
    ]
    for errors in chosen:
        yield from report_violations(document, errors, root)
    if not chosen and not document.is_damaged(violation.path):
        finding = _wrong_type(document, violation, [branch["type"] for branch in violation.schema["anyOf"]])
        yield finding._replace(help=finding.help or _examples(violation.schema))


def _forbidden_key(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    """Yield the finding for a key that is forbidden (`not: {}`) because it belongs to another variant of its object."""
    message = f"`{config_path(violation.path)}` is not allowed with this `source`"
    help_ = "remove it, or change the `source` next to it"
    yield Diagnostic("unknown-key", message, document.key_span(violation.path), help_)


def _missing_key(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    message = f"`{config_path(violation.path)}` is missing the required key `{violation.detail}`"
    yield Diagnostic("missing-key", message, document.open_span(violation.path), f"add `{violation.detail}: …`")


def _one_type(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    yield _wrong_type(document, violation, violation.detail)


def _out_of_range(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    bound = "greater than" if violation.keyword == "exclusiveMinimum" else "at least"
    message = f"`{config_path(violation.path)}` must be {bound} {violation.detail}"
    yield Diagnostic("out-of-range", message, document.value_span(violation.path), _described(violation.schema))


def _unknown_value(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    allowed = violation.detail if violation.keyword == "enum" else [violation.detail]
    message = f"`{config_path(violation.path)}` has an unknown value"
    help_ = f"allowed: {listed(map(str, allowed))}"
    yield Diagnostic("invalid-value", message, document.value_span(violation.path), help_)


def _empty(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    help_ = _described(violation.schema) or "add an item, or remove the key"
    message = f"`{config_path(violation.path)}` is empty"
    yield Diagnostic("invalid-value", message, document.value_span(violation.path), help_)


def _repeated(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    message = f"`{config_path(violation.path)}` contains an item twice"
    yield Diagnostic("invalid-value", message, document.value_span(violation.path), "remove the duplicate")


def _unknown_keys(document: Document, violation: _Violation) -> Iterator[Diagnostic]:
    known = sorted(key for key in violation.schema["properties"] if not key.startswith("$"))
    taken = set(violation.value)  # existing keys, which no fix may use as a new name
    unknown = {key.removeprefix(_WORD) for key in violation.detail}
    for key in violation.value:
        path = (*violation.path, key)
        # A key without a value is already reported as a syntax error.
        if key not in unknown or document.is_damaged(path):
            continue
        near, correct = nearest(key, known), correct_spelling(key, known)
        help_ = f"did you mean `{near}`? " if near is not None else ""
        message = f"unknown key `{shown_key(key)}` in `{config_path(violation.path)}`"
        span = document.key_span(path)
        fix = None
        if correct is not None and correct not in taken:
            taken.add(correct)
            fix = _rename_fix(span, correct, document.value_span(path))
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


def _rename_fix(key: Span, name: str, value: Span) -> Fix:
    """Return the fix that renames a key, with its quotes kept. It uncovers the value, which nothing has checked yet."""
    quote = key.source.text[key.start : key.start + 1]
    quoted_name = f"{quote}{name}{quote}" if quote in {'"', "'"} else name
    # A value that is merged from several files is not in the file of its key as a whole.
    end = value.end if value.source is key.source else key.end
    return Fix(f"rename it to `{name}`", (Edit(key, quoted_name),), key._replace(end=max(key.end, end)))


def _wrong_type(document: Document, violation: _Violation, wanted: list[str]) -> Diagnostic:
    path, value = violation.path, violation.value
    types = " or ".join(_TYPES[name] for name in wanted)
    message = f"`{config_path(path)}` must be {types}, got {_TYPES[_type_of(value)]}"
    help_ = None
    is_quoted_number = isinstance(value, str) and wanted[0] in {"integer", "number"} and value.strip().isdigit()
    if is_quoted_number or (wanted == ["boolean"] and value in ("true", "false")):
        help_ = "remove the quotes"
    elif wanted == ["array"] and isinstance(value, str | dict):
        help_ = "put it in brackets: `[ … ]`"
    return Diagnostic("wrong-type", message, document.value_span(path), help_)


def _type_of(value: object) -> str:
    """Return the name of a value's JSON type."""
    for type_, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, type_):
            return name
    return "null" if value is None else "object"


def _examples(schema: object) -> str | None:
    """Return the schema's examples as a help text; None if it has none."""
    examples = schema.get("examples") if isinstance(schema, dict) else None
    return f"for example {' or '.join(f'`{json.dumps(example)}`' for example in examples)}" if examples else None


def _described(schema: object) -> str | None:
    """Return the first sentence of the schema's description."""
    text = schema.get("description") if isinstance(schema, dict) else None
    return text.partition(". ")[0].rstrip(".") if isinstance(text, str) else None
