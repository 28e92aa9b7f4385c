"""The lock file: the models that servers listed, in `genesis.lock.json` next to the configuration.

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

One model per line, ordered by id, without a timestamp: the same models give the same bytes, and branches that add
different models merge like any text. `baseUrl` is the template from the configuration, never the expanded URL.
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
    "base_url_template",
    "compare_locks",
    "encode_lock",
    "is_model_id",
    "lock_path",
    "match_lock",
    "quote",
    "read_lock",
    "write_lock",
]

LOCK_NAME: Final = "genesis.lock.json"
LOCK_VERSION: Final = 1
_CONFLICT: Final = "\n<<<<<<< "  # at the start of a line: elsewhere it may be part of a name in a JSON string


class Row(NamedTuple):
    """One model as a server lists it. `context_window` is in tokens; None if the server does not report it."""

    id: str
    context_window: int | None
    parent: str | None


class LockedProvider(NamedTuple):
    """One provider in the lock file: the template of its base URL, and its models by id."""

    base_url: str
    rows: Mapping[str, Row]


class Lock(NamedTuple):
    """A lock file.

    Attributes:
        source: The text and the path, for findings.
        providers: The locked providers, by id; empty if the file cannot be used.
        problem: Why the file cannot be used, as a phrase that follows its name; None if it can.
        place: The offset of the problem in the text.
        refused: Whether the file was refused because of what it is, for example a link, so that it is not written
            either.
    """

    source: Source
    providers: dict[str, LockedProvider]
    problem: str | None = None
    place: int = 0
    refused: bool = False


class _DuplicateKeyError(ValueError):
    """A key occurs twice in one object. JSON parsers silently use the last one."""


def lock_path(config: str) -> str:
    """Return the path of the lock file for the configuration at `config`."""
    return os.path.join(os.path.dirname(config), LOCK_NAME)


def is_model_id(name: object) -> TypeGuard[str]:
    """Return whether a model's id is usable: not a wildcard, and printable, so that no terminal or log acts on it."""
    return isinstance(name, str) and name not in {"", "*"} and name.isprintable()


def base_url_template(written: Config, provider: str) -> str:
    """Return a provider's base URL before expansion, with its references in the `${}` spelling.

    Args:
        written: The configuration before expansion.
        provider: The provider's id, declared or not.
    """
    declared = written.provider(provider)
    if declared is None or not declared.sets(keys.BASE_URL):
        return DEFAULT_BASE_URL
    return canonical(declared.base_url or "")


def match_lock(written: Config, lock: Lock | None) -> dict[str, LockedProvider]:
    """Return the locked providers that the configuration discovers, if their base URLs are the same.

    Args:
        written: The configuration before expansion.
        lock: The lock file next to it, if there is one.
    """
    matching = {}
    for name, locked in lock.providers.items() if lock else ():
        discovered = written.is_dynamic(name) if written.declares(name) else name in IMPLICIT_PROVIDERS
        if discovered and locked.base_url == base_url_template(written, name):
            matching[name] = locked
    return matching


def read_lock(path: str, root: str | None = None) -> Lock | None:
    """Read a lock file; None if there is none. If it cannot be used, its `problem` is set and its text is hidden.

    Args:
        path: The path of the lock file.
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
        return Lock(source.without_text(), {}, "contains unresolved merge conflict markers", conflict)
    return _decode_lock(source)


def _decode_lock(source: Source) -> Lock:
    import json  # most configurations have no lock file

    unusable = source.without_text()
    try:
        value = json.loads(source.text, object_pairs_hook=_reject_duplicate_keys)
        version = value["lockVersion"]
        if type(version) is int and version != LOCK_VERSION:
            return Lock(unusable, {}, f"has version {version}, but this Genesis only supports version {LOCK_VERSION}")
        if version == LOCK_VERSION:
            return Lock(source, {name: _decode_provider(provider) for name, provider in value["providers"].items()})
    except _DuplicateKeyError as error:
        return Lock(unusable, {}, f"contains the key `{error}` twice, possibly after a merge")
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        pass
    return Lock(unusable, {}, "is not a lock file written by Genesis")


def _reject_duplicate_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object from its members.

    Raises:
        _DuplicateKeyError: A key occurs twice.
    """
    members: dict[str, object] = {}
    for key, value in pairs:
        if key in members:
            raise _DuplicateKeyError(key)
        members[key] = value
    return members


def _decode_provider(value: Any) -> LockedProvider:
    """Decode one provider, accepting only models that discovery would accept.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: The value has the wrong structure.
    """
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


def encode_lock(providers: Mapping[str, LockedProvider]) -> bytes:
    """Encode a lock file. The same providers and models always give the same bytes."""
    blocks = []
    for name in sorted(providers):
        provider = providers[name]
        lines = [f"        {quote(row.id)}: {_encode_row(row)}" for _, row in sorted(provider.rows.items())]
        models = "{\n" + ",\n".join(lines) + "\n      }" if lines else "{}"
        blocks.append(
            f'    {quote(name)}: {{\n      "baseUrl": {quote(provider.base_url)},\n      "models": {models}\n    }}'
        )
    inside = "{\n" + ",\n".join(blocks) + "\n  }" if blocks else "{}"
    return f'{{\n  "lockVersion": {LOCK_VERSION},\n  "providers": {inside}\n}}\n'.encode()


def _encode_row(row: Row) -> str:
    window = "null" if row.context_window is None else row.context_window
    return f'{{"contextWindow": {window}, "parent": {"null" if row.parent is None else quote(row.parent)}}}'


def quote(text: str) -> str:
    """Return a string in the lock file's JSON form."""
    import json  # most configurations have no lock file

    return json.dumps(text, ensure_ascii=False)


def write_lock(providers: Mapping[str, LockedProvider], path: str) -> None:
    """Write a lock file atomically.

    Raises:
        OSError: The file cannot be written. The old one is unchanged.
    """
    from genesis_config.files.writing import write_atomic  # `check` only reads

    write_atomic(path, encode_lock(providers))


def compare_locks(
    locked: Mapping[str, LockedProvider], now: Mapping[str, LockedProvider]
) -> Iterator[tuple[str, str | None, str]]:
    """Yield the differences between a lock file and the servers' lists: the provider, the model, and a message."""
    for name in sorted({*locked, *now}):
        if name not in now:
            yield name, None, f"`{name}` is locked, but no longer discovered"
        elif name not in locked:
            yield name, None, f"`{name}` is discovered, but not locked"
        else:
            if locked[name].base_url != now[name].base_url:
                yield name, None, f"the base URL of `{name}` differs from the one in the lock file"
            for model, message in _compare_rows(name, locked[name].rows, now[name].rows):
                yield name, model, message


def _compare_rows(name: str, locked: Mapping[str, Row], now: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    for model in sorted({*locked, *now}):
        old, new = locked.get(model), now.get(model)
        if new is None:
            yield model, f"`{name}/{model}` is locked, but its server no longer lists it"
        elif old is None:
            yield model, f"`{name}/{model}` is listed by its server, but not locked"
        elif old != new:
            message = (
                f"`{name}/{model}` is locked with {_describe_row(old)}, but its server reports {_describe_row(new)}"
            )
            yield model, message


def _describe_row(row: Row) -> str:
    window = "no context window" if row.context_window is None else f"a context window of {row.context_window} tokens"
    return f"{window} and the parent `{row.parent}`" if row.parent else window
