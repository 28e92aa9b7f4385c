"""Text from a hostile server cannot affect the reader, and bytes that are not UTF-8 cause no crash."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.support import on_terminal
from tests.e2e.test_hostile import WORDS, harmless
from tests.runtime.support import DONE, HELLO, STOP, USAGE, WHOLE, chunk, event, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.support import Genesis
    from tests.runtime.support import Answer, Exchange

# A line break before a workflow command, as JSON can encode it, and a terminal escape sequence.
SAID = f"no\n::error::owned\n  ::warning::x\x1b]0;title\x07{WORDS}"
REFUSAL = json.dumps({"error": {"message": SAID, "type": "ServerError", "param": None, "code": 503}}).encode()
# The same text as bytes that are not UTF-8.
DAMAGED = REFUSAL.replace(b"owned", b"owned \xff\xc3(")
MODELS = {"data": [{"id": name, "max_model_len": 9} for name in ("m", "##[error]x", "::error::z", f"m{SAID}")]}
KINDS = {"refused": "bad-request", "damaged": "bad-request", "text": "bad-request", "malformed": "malformed-stream"}


TEXT = b"\n::error::owned \xff" + WORDS.encode()
NO_CHUNK = b"data: no chunk ##[error]owned " + WORDS.partition("\n")[0].encode() + b"\xff\n\n"
ERROR = event({"error": {"message": SAID}}).replace(b"owned", b"\xff")
FINISH = chunk({"tool_calls": [{"id": SAID, "function": {"name": SAID}}]}, SAID)

# Refused completions, and hostile streams.
REFUSALS = {"refused": REFUSAL, "no list": REFUSAL, "damaged": DAMAGED, "text": TEXT}
STREAMS = {"error event": [HELLO, ERROR], "malformed": [NO_CHUNK], "finish": [HELLO, FINISH, USAGE, DONE]}


async def refuse(exchange: Exchange, body: bytes = REFUSAL, status: str = "400 Bad") -> None:
    await exchange.whole(status, "text/plain", body, "Retry-After: 0")


async def list_models(exchange: Exchange) -> None:
    body: object = MODELS if exchange.request.path.endswith("/models") else {"version": "##[error]v"}
    await exchange.whole("200 OK", "application/json", json.dumps(body).encode())


def hostile(case: str) -> Answer:
    """Return a server that sends a model list, and a completion that depends on the case."""

    async def answer(exchange: Exchange) -> None:
        posts = sum(request.method == "POST" for request in exchange.server.requests)
        if exchange.request.method == "GET" and case == "no list":
            await refuse(exchange, DAMAGED, "500 Bad")
        elif exchange.request.method == "GET":
            await list_models(exchange)
        elif case in REFUSALS:
            await refuse(exchange, REFUSALS[case])
        elif case == "retried" and posts % 2:
            await refuse(exchange, status="503 Busy")
        else:
            await exchange.stream(*STREAMS.get(case, [WHOLE]))

    return answer


def against(answer: Answer, run: Callable[[str], None]) -> None:
    """Call a blocking function while a server sends raw bytes."""

    async def both() -> None:
        async with raw_server(answer) as server:
            await asyncio.to_thread(run, server.base_url)

    asyncio.run(both())


def write(folder: Path, url: str, models: str = '{ id: "m", contextWindow: 999 }') -> None:
    (folder / "genesis.json5").write_text(
        f"""{{ models: {{ providers: {{ vllm: {{ baseUrl: "{url}", models: [{models}] }} }} }},
               agents: {{ defaults: {{ model: "vllm/m", models: {{ "vllm/*": {{}} }} }} }} }}""",
        encoding="utf-8",
    )


@pytest.mark.parametrize("form", ["text", "json", "events"])
@pytest.mark.parametrize("case", ["retried", "refused", "damaged", "text", "error event", "malformed", "finish"])
def test_a_completion(case: str, form: str, genesis: Genesis, folder: Path) -> None:
    def run(url: str) -> None:
        write(folder, url)
        assert genesis("compile", "-o", "m.json").returncode == 0
        options = ["complete", "hi", "--manifest", "m.json", *([] if form == "text" else [f"--{form}"])]
        done = genesis(*options)
        assert done.returncode == (0 if case in {"retried", "finish"} else 1), done.stderr
        harmless(done.stderr, "text")
        for line in done.stdout.splitlines() if form == "events" else [done.stdout]:
            harmless(line, "text" if form == "text" else "json")
        if done.returncode:
            assert done.stderr.startswith(f"error[{KINDS.get(case, 'error-in-stream')}]: ")
        if form == "text" and case != "finish":
            assert "\\x1b" in done.stderr
        code, shown = on_terminal(*options, cwd=folder, env={"TERM": "dumb"}, stream="both")
        assert code == done.returncode
        harmless(shown.replace("\r\n", "\n"), "text")

    against(hostile(case), run)


def test_a_failover_is_reported_in_one_harmless_line(genesis: Genesis, folder: Path) -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.request.json["model"] == "m":
            await refuse(exchange, status="403 No")
        else:
            await exchange.stream(WHOLE)

    def run(url: str) -> None:
        write(folder, url, '{ id: "m", contextWindow: 99 }, { id: "n", contextWindow: 99 }')
        path = folder / "genesis.json5"
        text = path.read_text(encoding="utf-8").replace('"vllm/m"', '{ primary: "vllm/m", fallbacks: ["vllm/n"] }')
        path.write_text(text.replace(', models: { "vllm/*": {} }', ""), encoding="utf-8")
        done = genesis("complete", "hi")
        assert (done.returncode, done.stdout) == (0, "Hello")
        harmless(done.stderr, "text")
        failover, usage = done.stderr.splitlines()
        assert failover.startswith("vllm/m: ")
        assert "\\n::error::owned" in failover
        assert usage.startswith("usage: ")

    against(answer, run)


@pytest.mark.parametrize("case", ["refused", "no list"])
@pytest.mark.parametrize(
    "command",
    [["models", "status", "--probe"], ["models", "list"], ["doctor"], ["lock"], ["compile", "--explain"]],
    ids=lambda command: command[0] if len(command) == 1 else command[1],
)
def test_commands_that_query_the_models(command: list[str], case: str, genesis: Genesis, folder: Path) -> None:
    forms = (
        [["--json"], ["--plain"], []] if command[0] == "models" else [["--json"], []] if command == ["doctor"] else [[]]
    )

    def run(url: str) -> None:
        write(folder, url)
        for form in forms:
            done = genesis(*command, *form)
            assert done.returncode in {0, 1}, done.stderr
            assert done.stdout + done.stderr
            harmless(done.stderr, "text")
            harmless(done.stdout.replace("\t", " "), "json" if "--json" in form and done.stdout else "text")
            if form:
                continue
            _, shown = on_terminal(*command, cwd=folder, env={"TERM": "dumb", "NO_COLOR": "1"}, stream="both")
            shown = re.sub("\x1b\\[[0-9;]*m", "", shown).replace("\r\n", "\n").replace("\t", " ")
            harmless(shown, "text")

    against(hostile(case), run)


@pytest.mark.parametrize("command", [["models", "list"], ["models", "list", "--plain"], ["doctor"]], ids=" ".join)
def test_a_provider_named_like_a_workflow_command_starts_no_line(
    command: list[str], genesis: Genesis, folder: Path
) -> None:
    text = '{ models: { providers: { "::error::p": { baseUrl: "http://127.0.0.1:1/v1", models: [{ id: "m" }] } } } }'
    (folder / "genesis.json5").write_text(text, encoding="utf-8")
    done = genesis(*command)
    assert "\\x3a:error::p" in done.stdout
    harmless(done.stdout.replace("\t", " ") + done.stderr, "text")


def test_batch_requests(genesis: Genesis, folder: Path) -> None:
    body = {"model": "vllm/m", "messages": [{"role": "user", "content": "x"}]}

    def run(url: str) -> None:
        write(folder, url)
        lines = [json.dumps({"custom_id": f"{number}{SAID}", "body": body}) + "\n" for number in (1, 2)]
        (folder / "requests.jsonl").write_text("".join(lines), encoding="utf-8")
        done = genesis("batch", "requests.jsonl", "-o", "results.jsonl")
        assert done.returncode == 1
        assert "\n0 succeeded, 2 failed" in done.stderr
        harmless(done.stderr, "text")
        written = (folder / "results.jsonl").read_text(encoding="utf-8")
        errors = [json.loads(line)["error"] for line in written.split("\n")[:-1]]
        assert [error["code"] for error in errors] == ["BadRequestError"] * 2
        assert all("\n::error::owned \ufffd\ufffd(" in error["message"] for error in errors)
        (folder / "requests.jsonl").write_text(lines[0] * 2, encoding="utf-8")
        done = genesis("batch", "requests.jsonl", "-o", "results.jsonl")
        assert (done.returncode, done.stdout) == (2, "")
        harmless(done.stderr, "text")
        assert done.stderr.count("\n") == 1

    against(hostile("damaged"), run)


def test_a_quoted_argument(genesis: Genesis, folder: Path) -> None:
    write(folder, "http://127.0.0.1:1/v1")
    for arguments in ([SAID], ["init", "--template", SAID], ["complete", "x", "--manifest", SAID[:50]]):
        done = genesis(*arguments)
        assert done.returncode == 2
        harmless(done.stderr, "text")


def damaged_stream(text: bytes) -> Answer:
    """Return a server that streams an id, model and headers that are not UTF-8; `text` follows the first chunks."""

    async def answer(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            row = b'{"id": "m", "max_model_len": 999, "owned_by": "\xff"}, {"id": "\xff"}'
            await exchange.whole("200 OK", "application/json", b'{"data": [%s]}' % row)
            return
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: r\xff\r\n")
        await exchange.send(b"Transfer-Encoding: chunked\r\n\r\n")
        head = b'"id": "c\xff", "model": "\xc3(", "object": "\xff", "system_fingerprint": "\xff", '
        for data in (HELLO, text, STOP, USAGE, DONE):
            await exchange.chunk(data.replace(b'"choices"', head + b'"choices"'))
        await exchange.end()

    return answer


@pytest.mark.parametrize("form", ["text", "json", "events"])
def test_invalid_utf8_outside_of_the_answer_is_replaced(form: str, genesis: Genesis, folder: Path) -> None:
    def run(url: str) -> None:
        write(folder, url)
        options = ["complete", "hi", *([] if form == "text" else [f"--{form}"])]
        done = genesis(*options)
        assert done.returncode == 0, done.stderr
        assert "Hel" in done.stdout
        assert on_terminal(*options, cwd=folder)[0] == 0

    against(damaged_stream(b": nothing\n\n"), run)


@pytest.mark.parametrize("form", ["text", "json", "events"])
def test_invalid_utf8_in_the_text_is_an_error_with_partial_output(form: str, genesis: Genesis, folder: Path) -> None:
    def run(url: str) -> None:
        write(folder, url)
        done = genesis("complete", "hi", *([] if form == "text" else [f"--{form}"]))
        assert done.returncode == 1
        assert "\nerror[malformed-stream]: " in done.stderr
        if form == "text":
            assert done.stdout == "Hello"
        elif form == "json":
            assert json.loads(done.stdout)["text"] == "Hello"
        else:
            events = [json.loads(line) for line in done.stdout.splitlines()]
            assert [event["type"] for event in events] == ["text", "text", "error"]

    against(damaged_stream(chunk({"content": "?"}).replace(b"?", b"\xff")), run)


def test_batch_and_status_with_servers_that_send_invalid_utf8(genesis: Genesis, folder: Path) -> None:
    body: dict[str, Any] = {"model": "vllm/m", "messages": [{"role": "user", "content": "x"}]}

    def run(url: str) -> None:
        write(folder, url)
        line = json.dumps({"custom_id": "1", "body": body}) + "\n"
        (folder / "requests.jsonl").write_text(line, encoding="utf-8")
        assert genesis("batch", "requests.jsonl", "-o", "results.jsonl").returncode == 0
        response = json.loads((folder / "results.jsonl").read_text(encoding="utf-8"))["response"]
        assert (response["request_id"], response["body"]["id"]) == ("r\ufffd", "c\ufffd")
        (folder / "requests.jsonl").write_bytes(line.encode() + b'{"custom_id": "\xff", "body": {}}\n')
        done = genesis("batch", "requests.jsonl", "-o", "results.jsonl")
        assert done.returncode == 2
        assert "requests.jsonl:2: " in done.stderr
        status = json.loads(genesis("models", "status", "--probe", "--json").stdout)["providers"]
        assert [(provider["models"], provider["problem"]) for provider in status] == [(["m"], None)]
        done = genesis("doctor")
        assert done.returncode == 0, done.stdout
        assert "FAIL" not in done.stdout

    against(damaged_stream(b": nothing\n\n"), run)
