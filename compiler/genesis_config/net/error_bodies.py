"""What servers say is wrong: the bodies of responses with an error status, and errors within a stream."""

from __future__ import annotations

import msgspec

__all__ = ["error_text", "read_error"]


def read_error(body: bytes) -> str:
    """Return the text of an error's body; empty if there is none.

    It is in one of vLLM's two shapes, in FastAPI's, or the body itself unless that is a page.
    """
    text = body.decode(errors="replace")
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return "" if text.lstrip().startswith("<") else " ".join(text.split())
    values = (answer.get(name) for name in ("error", "message", "detail")) if isinstance(answer, dict) else ()
    return next((error_text(value) for value in values if value), "")


def error_text(error: object) -> str:
    """Return the text of an error: an object with a message, a string, or FastAPI's list of faults in a request.

    It is whole: what is cut before secrets are taken out may end with half of one.
    """
    if isinstance(error, list):
        return "; ".join(_fault(item) for item in error if isinstance(item, dict | str)) or "no reason given"
    text = error.get("message") if isinstance(error, dict) else error
    return (text if isinstance(text, str) and text.strip() else "no reason given").strip()


def _fault(fault: dict[str, object] | str) -> str:
    """Return the text of one fault in a request, and where in it that is."""
    if isinstance(fault, str):
        return fault
    where = fault.get("loc")
    path = ".".join(map(str, where)) if isinstance(where, list) else ""
    return f"{path}: {fault.get('msg')}" if path else str(fault.get("msg"))
