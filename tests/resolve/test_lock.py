"""The lock file: writing, reading, and when it applies to a configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genesis_config.config.validation import schema_text
from genesis_config.resolve.lock import (
    LockedProvider,
    Row,
    base_url_template,
    compare_locks,
    encode_lock,
    lock_path,
    match_lock,
    read_lock,
    write_lock,
)
from tests.support import config_of

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Any = json.loads(schema_text("lock"))
VALIDATOR: Any = jsonschema.Draft202012Validator(SCHEMA)
URL = "http://127.0.0.1:8000/v1"
LLAMA = Row("llama", 2048, None)
LORA = Row("lora", None, "llama")
PINNED = {"vllm": LockedProvider(URL, {"lora": LORA, "llama": LLAMA}), "a": LockedProvider("${URL}", {})}

TEXT = """{
  "lockVersion": 1,
  "providers": {
    "a": {
      "baseUrl": "${URL}",
      "models": {}
    },
    "vllm": {
      "baseUrl": "http://127.0.0.1:8000/v1",
      "models": {
        "llama": {"contextWindow": 2048, "parent": null},
        "lora": {"contextWindow": null, "parent": "llama"}
      }
    }
  }
}
"""


def test_lock_has_one_model_per_line_in_order() -> None:
    assert encode_lock(PINNED).decode() == TEXT
    assert encode_lock({}).decode() == '{\n  "lockVersion": 1,\n  "providers": {}\n}\n'


NAMES = st.text(max_size=8)
IDS = st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable() and name != "*")
ROWS = st.dictionaries(IDS, st.tuples(st.none() | st.integers(1, 10**9), st.none() | IDS), max_size=4)
LOCKS = st.dictionaries(NAMES, st.tuples(NAMES, ROWS), max_size=4)


@given(LOCKS)
@example({"<<<<<<< ": ("", {})})
def test_written_lock_is_read_back_and_matches_the_schema(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, tuple[str, dict[str, tuple[int | None, str | None]]]]
) -> None:
    pinned = {
        provider: LockedProvider(url, {name: Row(name, *row) for name, row in rows.items()})
        for provider, (url, rows) in drawn.items()
    }
    path = tmp_path_factory.mktemp("lock") / "genesis.lock.json"
    try:
        write_lock(pinned, str(path))
    except UnicodeEncodeError:
        return  # a lone surrogate, which neither ids nor base URLs contain
    VALIDATOR.validate(json.loads(path.read_bytes()))
    lock = read_lock(str(path))
    assert lock is not None
    assert lock.problem is None
    assert lock.providers == pinned
    backwards = {
        name: provider._replace(rows=dict(reversed([*provider.rows.items()])))
        for name, provider in reversed(pinned.items())
    }
    assert encode_lock(backwards) == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a lock file written by Genesis"),
        ("[]", "is not a lock file written by Genesis"),
        ('{"lockVersion": 1}', "is not a lock file written by Genesis"),
        ('{"lockVersion": 2, "providers": {}}', "has version 2, but this Genesis only supports version 1"),
        (TEXT.replace("2048", "0"), "is not a lock file written by Genesis"),
        (TEXT.replace("2048", '"2048"'), "is not a lock file written by Genesis"),
        (TEXT.replace("2048", "true"), "is not a lock file written by Genesis"),
        (TEXT.replace('"parent": null', '"parent": 1'), "is not a lock file written by Genesis"),
        (TEXT.replace('"llama": {', "\n<<<<<<< HEAD\n {"), "contains unresolved merge conflict markers"),
        (TEXT.replace('"llama": {', '"": {'), "is not a lock file written by Genesis"),
        (TEXT.replace('"llama": {', '"*": {'), "is not a lock file written by Genesis"),
        (TEXT.replace('"llama": {', '"\\u001b[31m": {'), "is not a lock file written by Genesis"),
        (TEXT.replace('"baseUrl": "${URL}"', '"baseUrl": null'), "is not a lock file written by Genesis"),
        (TEXT.replace('"lora": {', '"llama": {'), "contains the key `llama` twice, possibly after a merge"),
        ("[" * 100_000, "is not a lock file written by Genesis"),
        ("\udcff", "is not a lock file written by Genesis"),
    ],
)
def test_unusable_lock_has_a_problem(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "genesis.lock.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    lock = read_lock(str(path))
    assert lock is not None
    assert (lock.providers, lock.problem) == ({}, problem)


def test_missing_lock_and_directory(tmp_path: Path) -> None:
    assert read_lock(str(tmp_path / "genesis.lock.json")) is None
    lock = read_lock(str(tmp_path))
    assert lock is not None
    assert lock.problem == "cannot be read: Is a directory"


def test_lock_path_is_next_to_the_configuration() -> None:
    assert lock_path("genesis.json5") == "genesis.lock.json"
    assert lock_path("deploy/prod.json5") == "deploy/genesis.lock.json"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (None, URL),
        ({}, URL),
        ({"baseUrl": "http://h/v1"}, "http://h/v1"),
        ({"baseUrl": "$<URL>/v1"}, "${URL}/v1"),
        ({"baseUrl": 1}, ""),
    ],
)
def test_base_url_template(entry: dict[str, Any] | None, expected: str) -> None:
    value = {} if entry is None else {"models": {"providers": {"vllm": entry}}}
    assert base_url_template(config_of(value), "vllm") == expected


@pytest.mark.parametrize(
    ("value", "matching"),
    [
        ({}, {"vllm"}),
        ({"models": {"providers": {"vllm": {}}}}, set()),
        ({"models": {"providers": {"vllm": {}}}, "agents": {"defaults": {"models": {"vllm/*": {}}}}}, {"vllm"}),
        (
            {
                "models": {"providers": {"vllm": {"baseUrl": "http://h/v1"}}},
                "agents": {"defaults": {"models": {"vllm/*": {}}}},
            },
            set(),
        ),
        (
            {
                "models": {"providers": {"vllm": {}, "a": {"baseUrl": "$<URL>"}}},
                "agents": {"defaults": {"models": {"a/*": {}}}},
            },
            {"a"},
        ),
    ],
)
def test_lock_matches_discovered_providers_at_the_same_base_url(
    tmp_path: Path, value: dict[str, Any], matching: set[str]
) -> None:
    path = tmp_path / "genesis.lock.json"
    path.write_text(TEXT, encoding="utf-8")
    assert match_lock(config_of(value), read_lock(str(path))).keys() == matching
    assert match_lock(config_of(value), None) == {}


def test_compare_locks() -> None:
    now = {
        "vllm": LockedProvider("${OTHER}", {"llama": Row("llama", 4096, None), "new": Row("new", None, None)}),
        "b": LockedProvider(URL, {}),
    }
    assert list(compare_locks(PINNED, now)) == [
        ("a", None, "`a` is locked, but no longer discovered"),
        ("b", None, "`b` is discovered, but not locked"),
        ("vllm", None, "the base URL of `vllm` differs from the one in the lock file"),
        (
            "vllm",
            "llama",
            (
                "`vllm/llama` is locked with a context window of 2048 tokens, "
                "but its server reports a context window of 4096 tokens"
            ),
        ),
        ("vllm", "lora", "`vllm/lora` is locked, but its server no longer lists it"),
        ("vllm", "new", "`vllm/new` is listed by its server, but not locked"),
    ]
    assert list(compare_locks(PINNED, PINNED)) == []
    parent = {"vllm": PINNED["vllm"]._replace(rows={"lora": LORA._replace(context_window=64)})}
    before = {"vllm": PINNED["vllm"]._replace(rows={"lora": LORA})}
    assert [message for _, _, message in compare_locks(before, parent)] == [
        (
            "`vllm/lora` is locked with no context window and the parent `llama`, "
            "but its server reports a context window of 64 tokens and the parent `llama`"
        )
    ]
