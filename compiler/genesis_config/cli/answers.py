"""How a completion is printed: its text as it comes, an event a line, or one object at the end."""

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

__all__ = ["complain", "print_events", "print_stream", "print_whole", "usage_line"]

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


async def print_stream(runtime: Runtime, model: str | None, request: dict[str, Any]) -> None:
    """Print text as it comes on standard output; fallbacks and the usage on standard error."""
    terminal = sys.stdout.isatty()
    ended = True
    rest = _Rest()
    with Pace(runtime.manifest, model) as pace:
        try:
            async with aclosing(runtime.stream(model, **request)) as stream:
                async for event in stream:
                    pace.take(event)
                    rest.take(event)
                    match event:
                        case TextDelta(text=text, index=0):
                            # To a pipe the text goes exactly as it came; a terminal would obey what is in it.
                            sys.stdout.write("\n".join(map(escape, text.split("\n"))) if terminal else text)
                            sys.stdout.flush()
                            ended = text.endswith("\n")
                        case FellBack(failed=failed, next=next_, reason=reason):
                            print_note(f"{failed}: {reason}; {next_} is tried")
                        case Usage():
                            if not ended and terminal:
                                sys.stdout.write("\n")
                                sys.stdout.flush()
                            print_note("; ".join([usage_line(event) + pace.told(event), *rest.notes()]))
        except BaseException:
            if not ended and terminal:
                sys.stdout.write("\n")
            raise


class _Rest:
    """What text alone does not show of an answer."""

    def __init__(self) -> None:
        self._choices: set[int] = set()
        self._calls: set[int] = set()
        self._cut_off = False
        self._full: float | None = None

    def take(self, event: Event) -> None:
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
            notes.append("the answer is cut off, since it reached its limit of tokens")
        for count, what in ((len(self._calls), "tool call"), (len(self._choices), "further choice")):
            if count:
                notes.append(f"--json shows {count} {what}{'s' if count > 1 else ''}")
        if self._full is not None:
            notes.append(f"{self._full:.0%} of the context window are used: the next turn may not fit")
        return notes


async def print_events(runtime: Runtime, model: str | None, request: dict[str, Any]) -> None:
    """Print each event as a line of JSON, as it comes; an error is the last one."""
    from genesis_config.runtime import CompletionError

    with Pace(runtime.manifest, model) as pace:
        try:
            async with aclosing(runtime.stream(model, **request)) as stream:
                async for event in stream:
                    pace.take(event)
                    print_json({"type": _NAMES[type(event)], **_fields(event)}, indent=None)
        except CompletionError as error:
            last = {"type": "error", "error": type(error).__name__, "message": str(error), "status": error.status}
            print_json(last, indent=None)
            raise


async def print_whole(runtime: Runtime, model: str | None, request: dict[str, Any]) -> None:
    """Print one JSON object, versioned, when all is there, or what had arrived; the same keys in both cases."""
    from genesis_config.runtime import CompletionError

    try:
        with Pace(runtime.manifest, model) as pace:
            completion = await runtime.complete(model, **request, on_event=pace.take)
    except CompletionError as error:
        print_json(_failure(error))
        raise
    print_json(_as_json(completion))


def usage_line(usage: Usage) -> str:
    """Write a completion's usage on one line."""
    if usage.input is None or usage.output is None:
        return f"usage: {'; '.join(usage.notes) or 'not reported by the server'}"
    extra = [f"{usage.reasoning} of them reasoning"] if usage.reasoning else []
    parts = [f"{usage.input} input", ", ".join([f"{usage.output} output tokens", *extra])]
    if usage.cached:
        parts[0] += f" ({usage.cached} cached)"
    line = f"usage: {' + '.join(parts)}, {_share(usage)}cost {usage.cost:g}"
    return "; ".join([line, *usage.notes])


def _share(usage: Usage) -> str:
    if usage.context_used is None:
        return ""
    share = f"{usage.context_used:.1%}"
    return f"{'under 0.1%' if share == '0.0%' else share} of the context window, "


def complain(error: CompletionError) -> None:
    """Say what went wrong, and what to do. What had arrived of the answer is on standard output already."""
    kind = re.sub("(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    where = f"{error.provider}/{error.model}" if error.model else ""
    notes = [f"before that: {attempt.model}: {attempt.message}" for attempt in error.attempts]
    print_error(error, kind=kind, where=where, notes=notes)


def _fields(event: Event) -> dict[str, object]:
    """Give an event's fields by the names that JSON has elsewhere."""
    names = {"context_used": "contextUsed"}
    return {names.get(name, name): getattr(event, name) for name in event.__struct_fields__}


def _as_json(completion: Completion) -> dict[str, object]:
    """Give a completion as one JSON object, versioned."""
    return {
        "version": 1,
        "provider": completion.provider,
        "model": completion.model,
        **_answers(completion.choices),
        "usage": _usage(completion.usage),
        "notes": list(completion.usage.notes),
        "attempts": _attempts(completion.attempts),
        "error": None,
    }


def _failure(error: CompletionError) -> dict[str, object]:
    """Give what had arrived of a completion that failed, and why it did, with the keys of one that did not."""
    return {
        "version": 1,
        "provider": error.provider or None,
        "model": error.model or None,
        **_answers(error.choices),
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


def _answers(choices: Iterable[Choice]) -> dict[str, object]:
    """Give the first choice, and then all of them with the same keys."""
    shown = [
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
    first = shown[0]
    return {**{key: first[key] for key in ("text", "reasoning", "toolCalls", "finishReason")}, "choices": shown}


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
        {"model": each.model, "error": each.error, "message": each.message, "status": each.status} for each in attempts
    ]
