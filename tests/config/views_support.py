"""Views of small configurations, for tests of what takes them."""

from __future__ import annotations

import json
from typing import Any

from genesis_config.config.expansion import Variables, expand
from genesis_config.config.views import Config
from genesis_config.diagnostics.source import Source
from genesis_config.syntax import parse


def config_of(value: Any, variables: Variables = Variables()) -> Config:  # noqa: B008 - immutable
    """Return the views of a JSON value, which is written out and read again."""
    return config_of_text(json.dumps(value), variables)


def config_of_text(text: str, variables: Variables = Variables()) -> Config:  # noqa: B008 - immutable
    """Return the views of a text."""
    document = parse(Source("genesis.json5", text))
    return Config(document, expand(document, variables))
