"""Printing of completions: streamed text, one event per line, or one JSON object at the end."""

from __future__ import annotations

import re
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from genesis_config.cli.output import print_error, print_json, print_note
from genesis_config.cli.pace import Pace
from genesis_config.report.escape import escape
from genesis_config.runtime import (
    ContextWarning,
    FellBack,
    Finish,
    Logprobs,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis_config.runtime import Attempt, Choice, Completion, CompletionError, Event, Runtime, ToolCall

__all__ = ["format_usage", "print_completion", "print_completion_error", "print_events", "print_text"]

_NAMES: Final = {
    TextDelta: "text",
    ReasoningDelta: "reasoning",
    ToolCallDelta: "toolCall",
    Logprobs: "logprobs",
    Finish: "finish",
    FellBack: "fellBack",
    ContextWarning: "contextWarning",
    Usage: "usage",
}


async def print_text(runtime: Runtime, model: str | None, request: dict[str, Any]) -> None:
    """Print text on standard output as it arrives; fallbacks and the usage on standard error."""
    terminal = sys.stdout.isatty()
    ended = True
    unprinted = _Unprinted()
    with Pace(runtime.manifest, model) as pace:
        try:
            async with aclosing(runtime.stream(model, **request)) as stream:
                async for event in stream:
                    pace.record(event)
                    unprinted.record(event)
                    match event:
                        case TextDelta(text=text, index=0):
                            # A pipe gets the text unchanged; a terminal would execute control sequences in it.
                            sys.stdout.write("\n".join(map(escape, text.split("\n"))) if terminal else text)
                            sys.stdout.flush()
                            ended = text.endswith("\n")
                        case FellBack(failed=failed, next=next_, reason=reason):
                            print_note(f"{failed}: {reason}; falling back to {next_}")
                        case Usage():
                            if not ended and terminal:
                                sys.stdout.write("\n")
                                sys.stdout.flush()
                            print_note("; ".join([format_usage(event) + pace.summarize(event), *unprinted.notes()]))
        except BaseException:
            if not ended and terminal:
                sys.stdout.write("\n")
            raise


class _Unprinted:
    """What the printed text does not show of a completion: a cutoff, tool calls, further choices, a full context."""

    def __init__(self) -> None:
        self._choices: set[int] = set()
        self._calls: set[int] = set()
        self._cut_off = False
        self._full: float | None = None

    def record(self, event: Event) -> None:
        match event:
            case TextDelta(index=index) | ReasoningDelta(index=index) | ToolCallDelta(index=index) if index:
                self._choices.add(index)
            case ToolCallDelta(call=call):
                self._calls.add(call)
            case Finish(reason=reason, index=0):
                self._cut_off = reason == "length"
            case ContextWarning(used=used):
                self._full = used

    def notes(self) -> list[str]:
        notes = []
        if self._cut_off:
            notes.append("output truncated: the token limit was reached")
        for count, what in ((len(self._calls), "tool call"), (len(self._choices), "further choice")):
            if count:
                notes.append(f"{count} {what}{'s' if count > 1 else ''} not shown (use --json)")
        if self._full is not None:
            notes.append(f"{self._full:.0%} of the context window is used; the next turn may not fit")
        return notes


async def print_events(runtime: Runtime, model: str | None, request: dict[str, Any]) -> None:
    """Print each event as a line of JSON as it arrives; an error is the last line."""
    from genesis_config.runtime import CompletionError

    with Pace(runtime.manifest, model) as pace:
        try:
            async with aclosing(runtime.stream(model, **request)) as stream:
                async for event in stream:
                    pace.record(event)
                    print_json({"type": _NAMES[type(event)], **_fields(event)}, indent=None)
        except CompletionError as error:
            last = {"type": "error", "error": type(error).__name__, "message": str(error), "status": error.status}
            print_json(last, indent=None)
            raise


async def print_completion(runtime: Runtime, model: str | None, request: dict[str, Any]) -> None:
    """Print the completion as one JSON object (versioned) at its end.

    After an error it contains the partial output, with the same keys.
    """
    from genesis_config.runtime import CompletionError

    try:
        with Pace(runtime.manifest, model) as pace:
            completion = await runtime.complete(model, **request, on_event=pace.record)
    except CompletionError as error:
        print_json(_error_report(error))
        raise
    print_json(_completion_report(completion))


def format_usage(usage: Usage) -> str:
    """Return the usage of a completion as one line."""
    if usage.input is None or usage.output is None:
        return f"usage: {'; '.join(usage.notes) or 'not reported by the server'}"
    extra = [f"{usage.reasoning} of them reasoning"] if usage.reasoning else []
    parts = [f"{usage.input} input", ", ".join([f"{usage.output} output tokens", *extra])]
    if usage.cached:
        parts[0] += f" ({usage.cached} cached)"
    line = f"usage: {' + '.join(parts)}, {_context_share(usage)}cost {usage.cost:g}"
    return "; ".join([line, *usage.notes])


def _context_share(usage: Usage) -> str:
    if usage.context_used is None:
        return ""
    share = f"{usage.context_used:.1%}"
    return f"{'under 0.1%' if share == '0.0%' else share} of the context window, "


def print_completion_error(error: CompletionError) -> None:
    """Print an error, the earlier attempts and the help. Partial output is already on standard output."""
    kind = re.sub("(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    where = f"{error.provider}/{error.model}" if error.model else ""
    notes = [f"earlier attempt: {attempt.model}: {attempt.message}" for attempt in error.attempts]
    print_error(error, kind=kind, where=where, notes=notes)


def _fields(event: Event) -> dict[str, object]:
    """Return the fields of an event, with the names used elsewhere in JSON."""
    names = {"context_used": "contextUsed"}
    return {names.get(name, name): getattr(event, name) for name in event.__struct_fields__}


def _completion_report(completion: Completion) -> dict[str, object]:
    """Return a completion as a JSON object (versioned)."""
    return {
        "version": 1,
        "provider": completion.provider,
        "model": completion.model,
        **_choices(completion.choices),
        "usage": _usage(completion.usage),
        "notes": list(completion.usage.notes),
        "attempts": _attempts(completion.attempts),
        "error": None,
    }


def _error_report(error: CompletionError) -> dict[str, object]:
    """Return a failed completion as a JSON object: its partial output and the error, with the same keys."""
    return {
        "version": 1,
        "provider": error.provider or None,
        "model": error.model or None,
        **_choices(error.choices),
        "usage": None if error.usage is None else _usage(error.usage),
        "notes": [],
        "attempts": _attempts(error.attempts),
        "error": {
            "type": type(error).__name__,
            "message": str(error),
            "status": error.status,
            "help": error.help,
        },
    }


def _choices(choices: Iterable[Choice]) -> dict[str, object]:
    """Return the first choice, followed by all choices with the same keys."""
    reports = [
        {
            "index": choice.index,
            "text": choice.text,
            "reasoning": choice.reasoning,
            "toolCalls": _calls(choice.tool_calls),
            "finishReason": choice.finish_reason or None,
            "logprobs": list(choice.logprobs) or None,
        }
        for choice in choices
    ]
    first = reports[0]
    return {**{key: first[key] for key in ("text", "reasoning", "toolCalls", "finishReason")}, "choices": reports}


def _usage(usage: Usage) -> dict[str, object]:
    return {
        "input": usage.input,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "cached": usage.cached,
        "cost": usage.cost,
        "contextUsed": usage.context_used,
    }


def _calls(calls: Iterable[ToolCall]) -> list[dict[str, str]]:
    return [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls]


def _attempts(attempts: Iterable[Attempt]) -> list[dict[str, object]]:
    return [
        {
            "model": attempt.model,
            "error": attempt.error,
            "message": attempt.message,
            "status": attempt.status,
        }
        for attempt in attempts
    ]
