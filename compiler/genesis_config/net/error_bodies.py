"""Error texts from servers: in the bodies of error responses, and within a stream."""

from __future__ import annotations

import msgspec

__all__ = ["error_text", "read_error"]


def read_error(body: bytes) -> str:
    """Return the error text of a response's body; empty if there is none.

    The body has one of vLLM's two formats, FastAPI's format, or is plain text. An HTML page has no error text.
    """
    text = body.decode(errors="replace")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return "" if text.lstrip().startswith("<") else " ".join(text.split())
    errors = (value.get(name) for name in ("error", "message", "detail")) if isinstance(value, dict) else ()
    return next((error_text(error) for error in errors if error), "")


def error_text(error: object) -> str:
    """Return the text of an error: an object with a message, a string, or FastAPI's list of validation errors.

    It is not shortened: cutting it before redaction could leave part of a secret.
    """
    if isinstance(error, list):
        return "; ".join(_fault(item) for item in error if isinstance(item, dict | str)) or "no reason given"
    text = error.get("message") if isinstance(error, dict) else error
    return (text if isinstance(text, str) and text.strip() else "no reason given").strip()


def _fault(fault: dict[str, object] | str) -> str:
    """Return the text of one validation error, with its location in the request."""
    if isinstance(fault, str):
        return fault
    where = fault.get("loc")
    path = ".".join(map(str, where)) if isinstance(where, list) else ""
    return f"{path}: {fault.get('msg')}" if path else str(fault.get("msg"))
