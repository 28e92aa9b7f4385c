"""What tests of several packages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.pipeline import Request, run_pipeline

if TYPE_CHECKING:
    from genesis_config.pipeline import Session
    from genesis_config.resolve.credentials import Credentials
    from genesis_config.resolve.lock import Lock
    from genesis_config.resolve.results import Purpose

__all__ = ["compile_config"]


def compile_config(
    name: str,
    data: bytes,
    credentials: Credentials,
    *,
    purpose: Purpose = "compile",
    only: str | None = None,
    inline: bool = False,
    lock: Lock | None = None,
) -> Session:
    """Run the stages of a purpose over a configuration."""
    return run_pipeline(name, data, Request(purpose, *credentials, lock, only, inline))
