"""Validation of a document against the schema of configurations.

The tests compare the errors with those of a second implementation, `jsonschema`, which takes six times as long to
import and is 180 times slower on large input.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.paths import config_path, shown_key
from genesis_config.diagnostics.finding import Diagnostic, Path
from genesis_config.diagnostics.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jsonschema_rs

    from genesis_config.syntax import Document

__all__ = ["SECTIONS", "schema_text", "validate"]

SECTIONS: Final = ("$include", "$schema", "agents", "auth", "env", "models")

_compiled: list[jsonschema_rs.Validator] = []


def schema_text(name: str) -> str:
    """Return the text of a schema: `config`, `lock` or `manifest`.

    Raises:
        OSError: There is no such schema.
    """
    import genesis_config.schema  # importlib.resources would cost 15 ms, and this package is always installed as files

    path = os.path.join(os.path.dirname(genesis_config.schema.__file__ or ""), f"{name}.schema.json")
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def validate(document: Document) -> list[Diagnostic]:
    """Return the findings for a document that does not match the schema. References are not expanded yet."""
    value = document.value
    if not isinstance(value, dict):
        return []
    findings = list(_unknown_sections(document))
    if not _validator().is_valid(value):
        import json  # only needed for a file with errors

        from genesis_config.config.violations import report_violations, with_word_keys

        errors = _validator().iter_errors(with_word_keys(value))
        findings += report_violations(document, errors, json.loads(schema_text("config")))
    return findings


def _validator() -> jsonschema_rs.Validator:
    """Return the compiled schema, which is shared by all files of a process."""
    if not _compiled:
        _compiled.append(_import_jsonschema_rs().Draft202012Validator(schema_text("config")))
    return _compiled[0]


def _import_jsonschema_rs() -> Any:
    """Import `jsonschema_rs` without the modules that it needs only to parse its build date.

    On import, it parses that date with `email.utils`, which loads sockets, random numbers and calendars: 13 of 36 ms
    (CPython 3.11, jsonschema-rs 0.48), a quarter of the time of `check`. Genesis does not use the date, so a stand-in
    replaces the module during the import. This can be removed once clean files are checked without `jsonschema_rs`.
    """
    import importlib
    import types

    name = "email.utils"
    if name not in sys.modules:
        stand_in = types.ModuleType(name)
        stand_in.parsedate_to_datetime = lambda _: None  # type: ignore[attr-defined] # set on a new module
        sys.modules[name] = stand_in
        try:
            return importlib.import_module("jsonschema_rs")
        except (ImportError, AttributeError, TypeError):
            pass  # another version uses more of the module, and is imported with the real one
        finally:
            del sys.modules[name]
    return importlib.import_module("jsonschema_rs")


def _unknown_sections(document: Document) -> Iterator[Diagnostic]:
    for section in document.value:
        if section not in SECTIONS and not section.startswith("x-") and not document.is_damaged((section,)):
            near = nearest(section, ("agents", "auth", "env", "models"))
            help_ = f"did you mean `{near}`?" if near else "Genesis does not check it"
            message = f"unknown section `{shown_key(section)}`"
            yield Diagnostic("unknown-section", message, document.key_span((section,)), help_, severity="warning")
    # Other keys in `agents` belong to other programs, unless they look like a typo of a Genesis key.
    agents = document.value.get("agents")
    defaults = agents.get("defaults") if isinstance(agents, dict) else None
    yield from _misspelled_keys(document, ("agents",), agents, ("defaults",))
    yield from _misspelled_keys(document, ("agents", "defaults"), defaults, ("model", "models"))


def _misspelled_keys(document: Document, path: Path, value: Any, known: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Yield a warning for each key that looks like a typo of a known key that is missing."""
    for key in value if isinstance(value, dict) else ():
        # Most keys of other programs differ too much to need a search, whose import takes 2 ms.
        maybe = key not in known and any(key[:1].lower() == word[0] and len(key) < len(word) + 3 for word in known)
        near = nearest(key, known) if maybe else None
        if near is not None and near not in value:
            where = config_path(path)
            message = f"unknown key `{shown_key(key)}` in `{where}`"
            span = document.key_span((*path, key))
            yield Diagnostic("unknown-section", message, span, f"did you mean `{near}`?", severity="warning")
