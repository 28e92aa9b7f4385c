"""The lock: the models that servers listed, in `genesis.lock.json` next to the configuration.

    {
      "lockVersion": 1,
      "providers": {
        "vllm": {
          "baseUrl": "http://127.0.0.1:8000/v1",
          "models": {
            "tiny-llama": {"contextWindow": 2048, "parent": null}
          }
        }
      }
    }

A model a line, ordered by id, no timestamp: the same models are the same bytes, and two branches that add a model each
merge like any text. `baseUrl` is the template as the configuration has it, never the address that it expands to.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from genesis_config.config import keys
from genesis_config.config.defaults import DEFAULT_BASE_URL, IMPLICIT_PROVIDERS
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.source import Source
from genesis_config.files.reading import MAX_BYTES, RefusedError, read_found
from genesis_config.syntax.references import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from genesis_config.config.views import Config

__all__ = [
    "LOCK_NAME",
    "LOCK_VERSION",
    "Lock",
    "LockedProvider",
    "Row",
    "differences",
    "dumps",
    "is_model_id",
    "lock_path",
    "match_lock",
    "quoted",
    "read",
    "template",
    "write",
]

LOCK_NAME: Final = "genesis.lock.json"
LOCK_VERSION: Final = 1
_CONFLICT: Final = "\n<<<<<<< "  # a line of its own: a provider may be named like that, and JSON has it in a string


class Row(NamedTuple):
    """One model as a server lists it. `context_window` is in tokens; None where the row does not say."""

    id: str
    context_window: int | None
    parent: str | None


class LockedProvider(NamedTuple):
    """What one provider's server listed: the template of its base URL, and its rows by id."""

    base_url: str
    rows: Mapping[str, Row]


class Lock(NamedTuple):
    """A lock file.

    Attributes:
        source: Its text and its path, for findings.
        providers: The locked providers, by id; empty where it cannot be used.
        problem: Why it cannot be used, in words that go after its name; None where it can.
        place: Where in the text the problem is.
        refused: Whether it was not read because of what it is, so that it is not written either.
    """

    source: Source
    providers: dict[str, LockedProvider]
    problem: str | None = None
    place: int = 0
    refused: bool = False


class _TwiceError(ValueError):
    """A key stands twice in one object, of which JSON's readers take the last without a word."""


def lock_path(config: str) -> str:
    """Return the path of the lock that belongs to the configuration at `config`."""
    return os.path.join(os.path.dirname(config), LOCK_NAME)


def is_model_id(name: object) -> TypeGuard[str]:
    """Return whether a model's id is usable: not a wildcard, and printable, so that no terminal or log acts on it."""
    return isinstance(name, str) and name not in {"", "*"} and name.isprintable()


def template(written: Config, provider: str) -> str:
    """Return a provider's base URL as it is written, its references in the `${}` spelling.

    Args:
        written: The configuration before expansion.
        provider: Its id, declared or not.
    """
    declared = written.provider(provider)
    if declared is None or not declared.sets(keys.BASE_URL):
        return DEFAULT_BASE_URL
    return canonical(declared.base_url or "")


def match_lock(written: Config, lock: Lock | None) -> dict[str, LockedProvider]:
    """Return the providers of a lock that a configuration discovers, at the base URLs that it has for them.

    Args:
        written: The configuration before expansion.
        lock: The lock next to it, if there is one.
    """
    found = {}
    for name, locked in lock.providers.items() if lock else ():
        discovered = written.is_dynamic(name) if written.declares(name) else name in IMPLICIT_PROVIDERS
        if discovered and locked.base_url == template(written, name):
            found[name] = locked
    return found


def read(path: str, root: str | None = None) -> Lock | None:
    """Read the lock at `path`; None where there is none. One that cannot be used says so itself, and shows no text.

    Args:
        path: Where it is.
        root: The directory that was searched for configurations, if one was.
    """
    try:
        data = read_found(path, root, most=MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Lock(Source(path, ""), {}, f"cannot be read: {error.strerror}", refused=isinstance(error, RefusedError))
    source = Source(path, data.decode(errors="replace"), "lock")
    conflict = f"\n{source.text}".find(_CONFLICT)
    if conflict >= 0:
        return Lock(source.without_text(), {}, "holds the marks of a merge that is not resolved", conflict)
    return _decoded(source)


def _decoded(source: Source) -> Lock:
    import json  # most configurations have no lock

    unusable = source.without_text()
    try:
        value = json.loads(source.text, object_pairs_hook=_once)
        version = value["lockVersion"]
        if type(version) is int and version != LOCK_VERSION:
            return Lock(unusable, {}, f"has the version {version}, and this Genesis knows {LOCK_VERSION}")
        if version == LOCK_VERSION:
            return Lock(source, {name: _decode_provider(provider) for name, provider in value["providers"].items()})
    except _TwiceError as error:
        return Lock(unusable, {}, f"holds `{error}` twice, as a merge leaves it")
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        pass
    return Lock(unusable, {}, "is no lock that Genesis wrote")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object from its members, each of which may occur once."""
    members: dict[str, object] = {}
    for key, value in pairs:
        if key in members:
            raise _TwiceError(key)
        members[key] = value
    return members


def _decode_provider(value: Any) -> LockedProvider:
    """Decode one provider: no row but what discovery would take. Raises whatever a wrong shape makes it raise."""
    models = value["models"].items()
    rows = {_id(name): Row(name, _window(row["contextWindow"]), _parent(row["parent"])) for name, row in models}
    if not isinstance(value["baseUrl"], str):
        raise TypeError(value)
    return LockedProvider(value["baseUrl"], rows)


def _window(value: object) -> int | None:
    if value is None or (type(value) is int and value > 0):
        return value
    raise ValueError(value)


def _parent(value: object) -> str | None:
    return None if value is None else _id(value)


def _id(value: object) -> str:
    if is_model_id(value):
        return value
    raise ValueError(value)


def dumps(providers: Mapping[str, LockedProvider]) -> bytes:
    """Encode a lock: the same providers and rows are the same bytes."""
    blocks = []
    for name in sorted(providers):
        provider = providers[name]
        lines = [f"        {quoted(row.id)}: {_row(row)}" for _, row in sorted(provider.rows.items())]
        models = "{\n" + ",\n".join(lines) + "\n      }" if lines else "{}"
        blocks.append(
            f'    {quoted(name)}: {{\n      "baseUrl": {quoted(provider.base_url)},\n      "models": {models}\n    }}'
        )
    inside = "{\n" + ",\n".join(blocks) + "\n  }" if blocks else "{}"
    return f'{{\n  "lockVersion": {LOCK_VERSION},\n  "providers": {inside}\n}}\n'.encode()


def _row(row: Row) -> str:
    window = "null" if row.context_window is None else row.context_window
    return f'{{"contextWindow": {window}, "parent": {"null" if row.parent is None else quoted(row.parent)}}}'


def quoted(text: str) -> str:
    """Write a string as the lock has it."""
    import json  # most configurations have no lock

    return json.dumps(text, ensure_ascii=False)


def write(providers: Mapping[str, LockedProvider], path: str) -> None:
    """Write a lock in one step.

    Raises:
        OSError: It cannot be written; the old one is as it was.
    """
    from genesis_config.files.writing import write_atomic  # `check` only reads

    write_atomic(path, dumps(providers))


def differences(
    locked: Mapping[str, LockedProvider], now: Mapping[str, LockedProvider]
) -> Iterator[tuple[str, str | None, str]]:
    """Yield the differences between a lock and what servers list now: the provider, the model, and words for it."""
    for name in sorted({*locked, *now}):
        if name not in now:
            yield name, None, f"`{name}` is locked and is not discovered any more"
        elif name not in locked:
            yield name, None, f"`{name}` is discovered and is not locked"
        else:
            if locked[name].base_url != now[name].base_url:
                yield name, None, f"the base URL of `{name}` is another one than in the lock"
            yield from ((name, *found) for found in _differences(name, locked[name].rows, now[name].rows))


def _differences(name: str, locked: Mapping[str, Row], now: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    for model in sorted({*locked, *now}):
        old, new = locked.get(model), now.get(model)
        if new is None:
            yield model, f"`{name}/{model}` is locked, and its server does not list it any more"
        elif old is None:
            yield model, f"`{name}/{model}` is listed by its server, and is not locked"
        elif old != new:
            yield model, f"`{name}/{model}` is locked with {_told(old)}, and its server says {_told(new)}"


def _told(row: Row) -> str:
    window = "no context window" if row.context_window is None else f"a context window of {row.context_window} tokens"
    return f"{window} and the parent `{row.parent}`" if row.parent else window
