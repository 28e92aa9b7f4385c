"""A line of a batch: whatever goes wrong with it stays in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from genesis_config.runtime import Runtime
from genesis_config.runtime.batch import Request, answer
from tests.runtime.support import ENVIRONMENT, KEY, MESSAGES, manifest_of

if TYPE_CHECKING:
    import pytest


def test_what_nobody_could_foresee_is_the_error_of_its_line_and_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def complete(*_: object, **__: object) -> None:
        raise TypeError(KEY)

    monkeypatch.setattr(Runtime, "complete", complete)
    runtime = Runtime(manifest_of(), environment=ENVIRONMENT)
    result = asyncio.run(answer(runtime, Request("odd", {"messages": MESSAGES})))
    assert (result["custom_id"], result["response"]) == ("odd", None)
    assert result["error"]["code"] == "InternalError"
    assert result["error"]["message"].startswith("this is a bug in Genesis, please report it:\n  TypeError in\n")
    assert "batch/running.py:" in result["error"]["message"]
    assert KEY not in str(result)
