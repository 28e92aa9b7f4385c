"""Failures of a batch request stay in its result line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from genesis_config.runtime import Runtime
from genesis_config.runtime.batch import Request, complete_request
from tests.runtime.support import ENVIRONMENT, KEY, MESSAGES, manifest_of

if TYPE_CHECKING:
    import pytest


def test_unexpected_exception_is_recorded_in_its_line_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def complete(*_: object, **__: object) -> None:
        raise TypeError(KEY)

    monkeypatch.setattr(Runtime, "complete", complete)
    runtime = Runtime(manifest_of(), environment=ENVIRONMENT)
    result = asyncio.run(complete_request(runtime, Request("odd", {"messages": MESSAGES})))
    assert (result["custom_id"], result["response"]) == ("odd", None)
    assert result["error"]["code"] == "InternalError"
    assert result["error"]["message"].startswith("this is a bug in Genesis, please report it:\n  TypeError in\n")
    assert "batch/running.py:" in result["error"]["message"]
    assert KEY not in str(result)
