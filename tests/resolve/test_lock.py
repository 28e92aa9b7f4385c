"""The lock: what is written, what is read, when it speaks for a configuration."""

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
    differences,
    dumps,
    lock_path,
    match_lock,
    read,
    template,
    write,
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


def test_a_lock_is_a_model_a_line_in_order() -> None:
    assert dumps(PINNED).decode() == TEXT
    assert dumps({}).decode() == '{\n  "lockVersion": 1,\n  "providers": {}\n}\n'


NAMES = st.text(max_size=8)
IDS = st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable() and name != "*")
ROWS = st.dictionaries(IDS, st.tuples(st.none() | st.integers(1, 10**9), st.none() | IDS), max_size=4)
LOCKS = st.dictionaries(NAMES, st.tuples(NAMES, ROWS), max_size=4)


@given(LOCKS)
@example({"<<<<<<< ": ("", {})})
def test_what_is_written_is_what_is_read_and_fits_the_schema(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, tuple[str, dict[str, tuple[int | None, str | None]]]]
) -> None:
    pinned = {
        provider: LockedProvider(url, {name: Row(name, *row) for name, row in rows.items()})
        for provider, (url, rows) in drawn.items()
    }
    path = tmp_path_factory.mktemp("lock") / "genesis.lock.json"
    try:
        write(pinned, str(path))
    except UnicodeEncodeError:
        return  # half of a surrogate pair: neither ids nor base URLs have one
    VALIDATOR.validate(json.loads(path.read_bytes()))
    lock = read(str(path))
    assert lock is not None
    assert lock.problem is None
    assert lock.providers == pinned
    backwards = {
        name: each._replace(rows=dict(reversed([*each.rows.items()]))) for name, each in reversed(pinned.items())
    }
    assert dumps(backwards) == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no lock that Genesis wrote"),
        ("[]", "is no lock that Genesis wrote"),
        ('{"lockVersion": 1}', "is no lock that Genesis wrote"),
        ('{"lockVersion": 2, "providers": {}}', "has the version 2, and this Genesis knows 1"),
        (TEXT.replace("2048", "0"), "is no lock that Genesis wrote"),
        (TEXT.replace("2048", '"2048"'), "is no lock that Genesis wrote"),
        (TEXT.replace("2048", "true"), "is no lock that Genesis wrote"),
        (TEXT.replace('"parent": null', '"parent": 1'), "is no lock that Genesis wrote"),
        (TEXT.replace('"llama": {', "\n<<<<<<< HEAD\n {"), "holds the marks of a merge that is not resolved"),
        (TEXT.replace('"llama": {', '"": {'), "is no lock that Genesis wrote"),
        (TEXT.replace('"llama": {', '"*": {'), "is no lock that Genesis wrote"),
        (TEXT.replace('"llama": {', '"\\u001b[31m": {'), "is no lock that Genesis wrote"),
        (TEXT.replace('"baseUrl": "${URL}"', '"baseUrl": null'), "is no lock that Genesis wrote"),
        (TEXT.replace('"lora": {', '"llama": {'), "holds `llama` twice, as a merge leaves it"),
        ("[" * 100_000, "is no lock that Genesis wrote"),
        ("\udcff", "is no lock that Genesis wrote"),
    ],
)
def test_a_lock_that_cannot_be_used_says_why(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "genesis.lock.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    lock = read(str(path))
    assert lock is not None
    assert (lock.providers, lock.problem) == ({}, problem)


def test_no_lock_and_one_that_is_a_folder(tmp_path: Path) -> None:
    assert read(str(tmp_path / "genesis.lock.json")) is None
    lock = read(str(tmp_path))
    assert lock is not None
    assert lock.problem == "cannot be read: Is a directory"


def test_a_lock_lies_beside_its_configuration() -> None:
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
def test_the_template_of_a_base_url(entry: dict[str, Any] | None, expected: str) -> None:
    value = {} if entry is None else {"models": {"providers": {"vllm": entry}}}
    assert template(config_of(value), "vllm") == expected


@pytest.mark.parametrize(
    ("value", "spoken_for"),
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
def test_a_lock_speaks_for_what_is_discovered_where_it_was(
    tmp_path: Path, value: dict[str, Any], spoken_for: set[str]
) -> None:
    path = tmp_path / "genesis.lock.json"
    path.write_text(TEXT, encoding="utf-8")
    assert match_lock(config_of(value), read(str(path))).keys() == spoken_for
    assert match_lock(config_of(value), None) == {}


def test_differences_are_told_one_by_one() -> None:
    now = {
        "vllm": LockedProvider("${OTHER}", {"llama": Row("llama", 4096, None), "new": Row("new", None, None)}),
        "b": LockedProvider(URL, {}),
    }
    assert list(differences(PINNED, now)) == [
        ("a", None, "`a` is locked and is not discovered any more"),
        ("b", None, "`b` is discovered and is not locked"),
        ("vllm", None, "the base URL of `vllm` is another one than in the lock"),
        (
            "vllm",
            "llama",
            (
                "`vllm/llama` is locked with a context window of 2048 tokens, "
                "and its server says a context window of 4096 tokens"
            ),
        ),
        ("vllm", "lora", "`vllm/lora` is locked, and its server does not list it any more"),
        ("vllm", "new", "`vllm/new` is listed by its server, and is not locked"),
    ]
    assert list(differences(PINNED, PINNED)) == []
    parent = {"vllm": PINNED["vllm"]._replace(rows={"lora": LORA._replace(context_window=64)})}
    before = {"vllm": PINNED["vllm"]._replace(rows={"lora": LORA})}
    assert [words for _, _, words in differences(before, parent)] == [
        (
            "`vllm/lora` is locked with no context window and the parent `llama`, "
            "and its server says a context window of 64 tokens and the parent `llama`"
        )
    ]
