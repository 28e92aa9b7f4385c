"""`genesis batch`: every line has one result, however often a run is interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from genesis_config.testing import Answer, Fault, ServedModel, ToolCall, serving
from genesis_config.testing.completions import CREATED
from tests.e2e.support import COMMAND, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from genesis_config.testing import FakeVLLM
    from tests.e2e.support import Genesis


@pytest.fixture
def server() -> Iterator[FakeVLLM]:
    with serving(answer=Answer(("One ", "two.")), chunk_delay=0.002) as running:
        yield running


def write(folder: Path, url: str, count: int, **more: Any) -> None:
    models = 'models: [{ id: "tiny-llama", contextWindow: 2048, cost: { input: 1, output: 2 } }]'
    (folder / "genesis.json5").write_text(
        f"""{{ models: {{ providers: {{ vllm: {{ baseUrl: "{url}", {models} }} }} }},
               agents: {{ defaults: {{ model: "vllm/tiny-llama" }} }} }}""",
        encoding="utf-8",
    )
    lines = [request(f"r{number}", f"Question {number}", **more) for number in range(count)]
    (folder / "requests.jsonl").write_text("".join(lines), encoding="utf-8")


def request(name: str, prompt: str = "Hello", **more: Any) -> str:
    body = {"model": "vllm/tiny-llama", "messages": [{"role": "user", "content": prompt}], "max_tokens": 8, **more}
    whole = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(whole) + "\n"


def results(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "results.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n") or not text
    return [json.loads(line) for line in text.splitlines()]


RUN = ["batch", "requests.jsonl", "-o", "results.jsonl"]


def test_every_request_has_a_result(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url, 5, temperature=0.5, stream=True)
    done = genesis(*RUN)
    assert (done.returncode, done.stdout) == (0, "")
    assert re.findall(r"\b\d[\d.e-]*", done.stderr) == ["5", "0", "30", "10", "5e-05"]
    by_id = {result["custom_id"]: result for result in results(folder)}
    assert sorted(by_id) == [f"r{number}" for number in range(5)]
    assert by_id["r3"]["error"] is None
    assert by_id["r3"]["id"] == "batch_req_r3"
    identifier = by_id["r3"]["response"]["body"].pop("id")
    assert identifier.startswith("chatcmpl-")
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "One two."},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert by_id["r3"]["response"] == {
        "status_code": 200,
        "request_id": None,
        "body": {
            "object": "chat.completion",
            "created": CREATED,
            "model": "tiny-llama",
            "provider": "vllm",
            "choices": [choice],
            "usage": {"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8, "cost": 1e-05},
        },
    }
    sent = server.requests[0].json()
    assert (sent["temperature"], sent["max_tokens"], sent["model"]) == (0.5, 8, "tiny-llama")
    # Finished requests are not sent again.
    again = genesis(*RUN)
    assert (again.returncode, len(server.requests)) == (0, 5)
    assert " 5 already done" in again.stderr
    assert re.findall(r"\b\d[\d.e-]*", again.stderr) == ["0", "0", "5", "0", "0", "0"]


def test_a_failed_request_has_an_error_and_does_not_affect_others(genesis: Genesis, folder: Path) -> None:
    with serving(faults=[Fault("cut"), None, Fault("status", code=400)], answer=Answer(("One ", "two "))) as running:
        write(folder, running.base_url, 3)
        with (folder / "requests.jsonl").open("a") as stream:
            stream.write(request("gone", model="vllm/gone"))
            stream.write(request("odd", messages=7))
            stream.write(request("odd part", messages=[{"role": "user", "content": [{"type": ["text"]}]}]))
            stream.write(request("odd tools", tools=5))
            stream.write(request("by id", model="tiny-llama"))
        done = genesis(*RUN, "--concurrency", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("2 succeeded, 6 failed; ")
    errors = {result["custom_id"]: result["error"] for result in results(folder)}
    assert {name: error and error["code"] for name, error in errors.items()} == {
        "r0": "TruncatedStreamError",
        "r1": None,
        "r2": "BadRequestError",
        "gone": "UnknownModelError",
        "odd": "InvalidRequestError",
        "odd part": "InvalidRequestError",
        "odd tools": "InvalidRequestError",
        "by id": None,
    }
    assert errors["r0"]["text"] == "One two "
    assert errors["r2"]["status"] == 400


def test_choices_are_complete_and_the_usage_of_failed_attempts_counts(genesis: Genesis, folder: Path) -> None:
    call = ToolCall("c1", "look", ("{}",))
    answers = (Answer(("One",), reasoning=("so",)), Answer(("two",), reasoning=("then",), tool_calls=(call,)))
    with serving(answer=answers, faults=[None, Fault("cut", after=3)]) as running:
        write(folder, running.base_url, 2, n=2)
        config = (folder / "genesis.json5").read_text(encoding="utf-8")
        params = "params: { stream_options: { continuous_usage_stats: true } }, models: ["
        (folder / "genesis.json5").write_text(config.replace("models: [", params), encoding="utf-8")
        done = genesis(*RUN, "--concurrency", "1")
    whole, failed = results(folder)
    choices = whole["response"]["body"]["choices"]
    assert [choice["message"]["reasoning"] for choice in choices] == ["so", "then"]
    assert [len(choice["message"].get("tool_calls", ())) for choice in choices] == [0, 1]
    used, lost = whole["response"]["body"]["usage"], failed["error"]["usage"]
    assert lost["prompt_tokens"] == used["prompt_tokens"]
    total = lost["completion_tokens"] + used["completion_tokens"]
    assert f"1 succeeded, 1 failed; {2 * used['prompt_tokens']} input + {total} output tokens" in done.stderr


def test_tool_calls_are_in_the_message(genesis: Genesis, folder: Path) -> None:
    with serving(answer=Answer((), tool_calls=(ToolCall("c1", "look", ('{"a"', ": 1}")),))) as running:
        write(folder, running.base_url, 1, tools=[{"type": "function", "function": {"name": "look"}}])
        assert genesis(*RUN).returncode == 0
    (result,) = results(folder)
    assert result["response"]["body"]["choices"][0]["message"] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}],
    }


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_an_interrupted_run_resumes(how: signal.Signals, genesis: Genesis, folder: Path) -> None:
    """Interrupt a run repeatedly: no line may be lost or written twice."""
    count = 120
    with serving([ServedModel("tiny-llama")], answer=Answer(("a",)), chunk_delay=0.002) as running:
        write(folder, running.base_url, count)
        for _ in range(4):
            before = (folder / "results.jsonl").stat().st_size if (folder / "results.jsonl").exists() else 0
            with subprocess.Popen(
                [*COMMAND, *RUN, "--concurrency", "4"], cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE
            ) as process:
                while process.poll() is None and (
                    not (folder / "results.jsonl").exists() or (folder / "results.jsonl").stat().st_size < before + 800
                ):
                    time.sleep(0.002)
                process.send_signal(how)
                _, stderr = process.communicate(timeout=30)
            assert b"Traceback" not in stderr
            if how is signal.SIGINT and process.returncode != 0:
                assert process.returncode == 130
        # As after a kill in the middle of a write.
        with (folder / "results.jsonl").open("a") as stream:
            stream.write('{"id":"batch_req_r1')
        done = genesis(*RUN)
    assert done.returncode == 0, done.stderr
    assert Counter(result["custom_id"] for result in results(folder)) == Counter(
        f"r{number}" for number in range(count)
    )
    assert all(result["error"] is None for result in results(folder))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "requests.jsonl:2: not a valid batch request: JSON is malformed"),
        (
            '{"body": {}}',
            "requests.jsonl:2: not a valid batch request: Object missing required field `custom_id`",
        ),
        ('{"custom_id": "r0", "body": {}}', "requests.jsonl:2: duplicate custom_id `r0`"),
        (
            '{"custom_id": "x", "url": "/v1/embeddings", "body": {}}',
            "only `POST /v1/chat/completions` is supported, not `POST /v1/embeddings`",
        ),
    ],
)
def test_an_invalid_batch_file_is_rejected_before_any_request(
    line: str, message: str, genesis: Genesis, folder: Path, server: FakeVLLM
) -> None:
    write(folder, server.base_url, 1)
    with (folder / "requests.jsonl").open("a") as stream:
        stream.write(f"{line}\n")
    done = genesis(*RUN)
    assert done.returncode == 2
    assert message in done.stderr
    assert server.requests == []
    assert not (folder / "results.jsonl").exists()


@pytest.mark.parametrize("ending", ["", "\n"])
@pytest.mark.parametrize("content", ["mine", '{"custom_id": "r0", "body": {}}', '{"id": 1}', '{"id":"batch_resp'])
def test_a_file_without_results_is_not_changed(
    content: str, ending: str, genesis: Genesis, folder: Path, server: FakeVLLM
) -> None:
    write(folder, server.base_url, 1)
    (folder / "notes.txt").write_text(content + ending, encoding="utf-8")
    done = genesis("batch", "requests.jsonl", "-o", "notes.txt")
    assert done.returncode == 2
    assert "notes.txt: line 1 is not a batch result" in done.stderr
    assert (folder / "notes.txt").read_text(encoding="utf-8") == content + ending
    assert server.requests == []


def test_results_are_not_written_to_an_input_file(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url, 1)
    before = (folder / "requests.jsonl").read_bytes()
    done = genesis("batch", "requests.jsonl", "-o", "./requests.jsonl")
    assert done.returncode == 2
    assert "error: -o ./requests.jsonl " in done.stderr
    assert (folder / "requests.jsonl").read_bytes() == before


def test_a_resumed_run_reports_earlier_failures(genesis: Genesis, folder: Path) -> None:
    with serving(faults=[Fault("status", code=401)]) as server:
        write(folder, server.base_url, 2)
        first = genesis(*RUN, "--concurrency", "1")
        again = genesis(*RUN)
        assert len(server.requests) == 2
    assert (first.returncode, again.returncode) == (1, 1)
    assert again.stderr.startswith(
        "0 succeeded, 0 failed, 2 already done (1 failed: delete their lines from results.jsonl to retry them); "
    )


def test_unusable_files(genesis: Genesis, folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url, 1)
    assert "cannot read gone.jsonl: No such file or directory" in genesis("batch", "gone.jsonl", "-o", "x").stderr
    assert "cannot write gone/x: No such file or directory" in genesis("batch", "requests.jsonl", "-o", "gone/x").stderr
    (folder / "notes.txt").write_text("mine\n", encoding="utf-8")
    done = genesis("batch", "requests.jsonl", "-o", "notes.txt")
    assert done.returncode == 2
    assert "notes.txt: line 1 is not a batch result" in done.stderr
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine\n"
    if os.path.exists("/dev/full"):
        done = genesis("batch", "requests.jsonl", "-o", "/dev/full")
        assert done.returncode == 2
        assert done.stderr.startswith("error: /dev/full: not a regular file")


def test_a_missing_engine_is_reported_before_any_request(genesis: Genesis, folder: Path) -> None:
    write(folder, "http://127.0.0.1:1/v1", 1)
    done = genesis(*RUN, "--engine", "ray")
    assert done.returncode == 2
    assert "`ray` is not installed\n  = help: run `pip install 'genesis-config[ray]'`" in done.stderr
    assert "--workers requires --engine ray" in genesis(*RUN, "--workers", "2").stderr
    assert not (folder / "results.jsonl").exists()


def test_a_second_run_at_the_same_time_is_rejected(folder: Path, genesis: Genesis) -> None:
    with serving(faults=[Fault("stall")]) as running:
        write(folder, running.base_url, 1)
        with subprocess.Popen([*COMMAND, *RUN], cwd=folder, stderr=subprocess.PIPE) as first:
            while not running.requests:
                time.sleep(0.01)
            done = genesis(*RUN)
            first.kill()
    assert done.returncode == 2
    assert done.stderr.startswith("error: results.jsonl ")
    assert "another run" in done.stderr


def test_progress_is_shown_only_on_terminals(folder: Path, server: FakeVLLM) -> None:
    write(folder, server.base_url, 3)
    code, shown = on_terminal(*RUN, cwd=folder, stream="stderr")
    assert code == 0
    assert "requests" in shown
    assert "3 succeeded" in shown
