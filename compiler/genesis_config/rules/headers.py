"""Headers that no request can be sent with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from genesis_config.config.lookup import declared_models, mapping, providers
from genesis_config.diagnostics.finding import config_path
from genesis_config.net.policy import FRAMING_HEADERS, HEADER_NAME
from genesis_config.rules.models import INVALID_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genesis_config.diagnostics.finding import Diagnostic, Path
    from genesis_config.rules.rule import Context

__all__ = ["check"]

# Compiled when first needed: most configurations declare no header. RFC 9110, §5.5.
_CONTROLS = r"[\x00-\x08\x0a-\x1f\x7f]"


def check(context: Context) -> Iterator[Diagnostic]:
    """Check the headers of every provider and model."""
    for name, provider in providers(context.value):
        path: Path = ("models", "providers", name)
        yield from _check(context, path, provider)
        for index, model in declared_models(provider):
            if "headers" in model:
                yield from _check(context, (*path, "models", index), model)


def _check(context: Context, owner: Path, entry: dict[str, Any]) -> Iterator[Diagnostic]:
    for name, value in mapping(entry, "headers").items():
        path = (*owner, "headers", name)
        where = config_path(path)
        if not re.fullmatch(HEADER_NAME, name):
            # It may be a whole header, with its key: the name is not repeated.
            message = f"a header in `{config_path(path[:-1])}` has a name that HTTP does not allow"
            help_ = "write it in letters, digits and `-`"
            yield INVALID_VALUE.finding(context, path, message, help_, key=True)
            where = config_path(path[:-1])
        elif name.lower() in FRAMING_HEADERS:
            yield INVALID_VALUE.finding(context, path, f"`{where}` is set by HTTP itself", "remove it", key=True)
        if isinstance(value, str) and re.search(_CONTROLS, value):
            message = f"`{where}` holds a line break or another control character"
            yield INVALID_VALUE.finding(context, path, message, "write the value on one line")
