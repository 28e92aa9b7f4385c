"""Runs over several files: how often each file is linted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from genesis_config.lint import linter
from genesis_config.lint.linter import CheckOptions, check_files
from genesis_config.pipeline import check_config

if TYPE_CHECKING:
    from pathlib import Path

    from genesis_config.pipeline import Session

CLEAN = '{ models: { providers: { p: { baseUrl: "http://h/v1", models: [{ id: "m", contextWindow: 9 }] } } } }'


@pytest.mark.parametrize(
    ("text", "count", "fixed"),
    [
        (CLEAN, 1, 0),
        # A finding without a fix.
        (CLEAN.replace('"m"', "5"), 1, 0),
        (CLEAN.replace("baseUrl", "baseURL").replace("models: [", "modells: ["), 2, 2),
        # A finding that a fix reveals is fixed in the next round.
        (CLEAN.replace("baseUrl", "baseURL").replace("/v1", ""), 3, 2),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_a_file_is_linted_once_and_once_more_for_each_round_of_fixes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, count: int, fixed: int, *, write: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    linted: list[str] = []

    def counting(name: str, *arguments: object) -> Session:
        linted.append(name)
        return check_config(name, *arguments)  # type: ignore[arg-type] # passed on unchanged

    monkeypatch.setattr(linter, "check_config", counting)
    (tmp_path / "genesis.json5").write_text(text, encoding="utf-8")
    result = check_files(["."], CheckOptions(fix=True, write=write))
    assert linted == ["genesis.json5"] * count
    assert result.report.fixed == (fixed if write else 0)
    assert bool(result.changes) == (fixed > 0 and not write)
