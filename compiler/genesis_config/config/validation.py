"""Validation of a document against the configuration's schema.

The tests compare the validator's errors with those of a second implementation, `jsonschema`, which takes six times as
long to import and is 180 times slower on large input.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from genesis_config.config.positions import config_path
from genesis_config.credentials.patterns import without_keys
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
    """Return the text of a schema that Genesis ships: `config`, `lock` or `manifest`.

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
        import json  # only for a file with mistakes

        from genesis_config.config.violations import explain

        findings += explain(document, _validator().iter_errors(value), json.loads(schema_text("config")))
    return findings


def _validator() -> jsonschema_rs.Validator:
    """Return the compiled schema; several files in one process share it."""
    if not _compiled:
        _compiled.append(_import_jsonschema_rs().Draft202012Validator(schema_text("config")))
    return _compiled[0]


def _import_jsonschema_rs() -> Any:
    """Import `jsonschema_rs`, without what it needs for its build date alone.

    It turns that date into a `datetime` when it is imported, and `email.utils`, which it takes for that, brings along
    sockets, random numbers and calendars: 13 of 36 ms (CPython 3.11, jsonschema-rs 0.48), a quarter of what `check`
    takes. Nothing here looks at the date, so another function stands in for the one that is asked for it. This can go
    once a clean file is checked without `jsonschema_rs`.
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
