"""The real language server on standard input and output, with the client of pygls as the editor."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types as lsp

from tests.e2e.lsp_support import ALL_CAPABILITIES, apply, codes, editing, frame, run, start_server
from tests.e2e.support import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Genesis

CANARY = "canary-4be1c09d"
SHAPED = "sk-canary4be1c09dcanary4be1c09d"
URL = 'baseURL: "http://127.0.0.1:8000/v1"'
MISSPELLED = f'{{ models: {{ providers: {{ vllm: {{ {URL}, models: [{{ id: "m", contextWindow: 9 }}] }} }} }} }}'


def test_a_day_in_an_editor(folder: Path) -> None:
    async def day() -> None:
        async with editing(folder) as editor:
            assert editor.capabilities.position_encoding == "utf-16"
            assert editor.capabilities.hover_provider is True
            assert editor.capabilities.definition_provider is True
            provider = editor.capabilities.code_action_provider
            assert isinstance(provider, lsp.CodeActionOptions)
            assert list(provider.code_action_kinds or ()) == ["quickfix", "source.fixAll.genesis"]

            editor.open("genesis.json5", MISSPELLED)
            (finding,) = await editor.checked("genesis.json5")
            assert (finding.code, finding.severity, finding.source) == (
                "unknown-key",
                lsp.DiagnosticSeverity.Error,
                "genesis",
            )
            assert finding.range.start == editor.place("genesis.json5", "baseURL")
            assert finding.message.startswith(
                "unknown key `baseURL` in `models.providers.vllm`\nhelp: did you mean `baseUrl`?"
            )
            assert finding.code_description is not None
            assert finding.code_description.href.endswith("/docs/rules.md#unknown-key")

            assert (await editor.hover("genesis.json5", editor.place("genesis.json5", "contextW"))).startswith(
                "**Context window**"
            )

            quick, every = await editor.actions("genesis.json5")
            assert (quick.kind, quick.title, every.kind) == (
                "quickfix",
                "rename it to `baseUrl` (unknown-key)",
                "source.fixAll.genesis",
            )
            assert quick.diagnostics is not None
            assert codes(quick.diagnostics) == ["unknown-key"]
            assert quick.edit is not None
            assert quick.edit.document_changes is not None
            (change,) = quick.edit.document_changes
            assert isinstance(change, lsp.TextDocumentEdit)
            assert (change.text_document.uri, change.text_document.version) == (editor.uri("genesis.json5"), 1)
            editor.change("genesis.json5", apply(MISSPELLED, change.edits))
            assert await editor.checked("genesis.json5") == []
            assert await editor.actions("genesis.json5") == []

            editor.change("genesis.json5", MISSPELLED.replace(URL, "ap"))
            found = await editor.complete("genesis.json5", lsp.Position(0, MISSPELLED.index("baseURL") + 2))
            assert list(found)[:3] == ["baseUrl", "apiKey", "api"]
            assert "models" not in found
            edit = found["apiKey"].text_edit
            assert isinstance(edit, lsp.TextEdit)
            assert edit.new_text == 'apiKey: "$1"'
            assert found["apiKey"].insert_text_format == lsp.InsertTextFormat.Snippet

            editor.close("genesis.json5")
            await editor.until(lambda: editor.shown[editor.uri("genesis.json5")] == [])
            assert editor.messages == []

    run(day())


@pytest.mark.parametrize(("encoding", "start"), [("utf-8", 11), ("utf-16", 9), ("utf-32", 8), (None, 9)])
def test_positions_use_the_negotiated_encoding(encoding: str | None, start: int, folder: Path) -> None:
    text = "{ /*\U0001f600*/ x: 1, // \u2028\n models: { providers: {} } }"

    async def talk() -> None:
        general = lsp.GeneralClientCapabilities(position_encodings=[encoding] if encoding else None)
        async with editing(folder, lsp.ClientCapabilities(general=general)) as editor:
            assert editor.capabilities.position_encoding == (encoding or "utf-16")
            editor.open("genesis.json5", text)
            (finding,) = await editor.checked("genesis.json5")
            assert finding.range == lsp.Range(lsp.Position(0, start), lsp.Position(0, start + 1))
            # U+2028 does not end a line in the protocol.
            assert (await editor.hover("genesis.json5", lsp.Position(1, 1))).startswith("**Models**")

    run(talk())


def test_findings_of_included_files_have_their_own_place(folder: Path) -> None:
    (folder / "part.json5").write_text('{\n  baseURL: "http://127.0.0.1:8000/v1",\n models: [] }', encoding="utf-8")
    root = '{ models: { providers: { vllm: { $include: "./part.json5" } } } }'

    async def talk() -> None:
        async with editing(folder) as editor:
            editor.open("genesis.json5", root)
            await editor.checked("genesis.json5")
            part = editor.uri("part.json5")
            await editor.until(lambda: part in editor.shown)
            finding = next(found for found in editor.shown[part] if found.code == "unknown-key")
            assert finding.range.start == lsp.Position(1, 2)
            assert finding.related_information is not None
            (related,) = finding.related_information
            assert "included" in related.message
            assert related.location.uri == editor.uri("genesis.json5")
            assert related.location.range.start == editor.place("genesis.json5", '"./part')

            target = await editor.definition("genesis.json5", editor.place("genesis.json5", "part.json5"))
            assert isinstance(target, lsp.Location)
            assert target.uri == part
            # The open text is used, and so is the place where it is included.
            editor.open("part.json5", "{ base")
            await editor.until(lambda: codes(editor.shown[part])[:1] == ["syntax"])
            assert "baseUrl" in await editor.complete("part.json5", lsp.Position(0, 6))
            editor.close("part.json5")
            await editor.until(lambda: "unknown-key" in codes(editor.shown[part]))
            editor.close("genesis.json5")
            await editor.until(lambda: editor.shown[part] == [])

    run(talk())


def test_a_client_gets_only_what_it_can_show(folder: Path) -> None:
    text = "{ env: {},\n env: {}, // genesis: ignore[unknown-section] why\n }"

    async def talk() -> None:
        for capabilities in (ALL_CAPABILITIES, lsp.ClientCapabilities()):
            able = capabilities is ALL_CAPABILITIES
            async with editing(folder, capabilities) as editor:
                editor.open("genesis.json5", text)
                duplicate, unused = await editor.checked("genesis.json5")
                assert (duplicate.code, unused.code) == ("duplicate-key", "unused-ignore")
                assert bool(duplicate.related_information) == able
                assert bool(duplicate.code_description) == able
                assert list(unused.tags or ()) == ([lsp.DiagnosticTag.Unnecessary] if able else [])
                assert (unused.severity, duplicate.severity) == (
                    lsp.DiagnosticSeverity.Warning,
                    lsp.DiagnosticSeverity.Error,
                )
                quick, _ = await editor.actions("genesis.json5")
                assert quick.edit is not None
                assert bool(quick.edit.changes) != able
                editor.change("genesis.json5", "{ ")
                item = (await editor.complete("genesis.json5", lsp.Position(0, 2)))["env"]
                assert isinstance(item.text_edit, lsp.TextEdit)
                assert item.text_edit.new_text == ("env: {$1}" if able else "env: ")
                assert bool(editor.registered) == able

    run(talk())


def test_fixing_everything_changes_only_what_is_fixed(folder: Path) -> None:
    members = f'baseUrl: "http://h:80", apiKey: "{CANARY}", timeoutSecond: 5'
    text = f"{{ models: {{ providers: {{ vllm: {{ {members} }} }} }} }}"

    async def talk() -> None:
        async with editing(folder) as editor:
            editor.open("genesis.json5", text)
            for only in (["source"], ["source.fixAll"], ["source.fixAll.genesis"]):
                (every,) = await editor.actions("genesis.json5", only)
                assert every.edit is not None
                assert every.edit.document_changes is not None
                (change,) = every.edit.document_changes
                assert isinstance(change, lsp.TextDocumentEdit)
                fixed = apply(text, change.edits)
                assert fixed == text.replace("Second:", "Seconds:").replace("h:80", "h:80/v1")
            assert {action.kind for action in await editor.actions("genesis.json5", ["quickfix"])} == {"quickfix"}
            assert await editor.actions("genesis.json5", ["refactor"]) == []
            assert CANARY not in "".join(editor.received)

    run(talk())


def test_files_that_change_are_read_again(folder: Path) -> None:
    async def talk() -> None:
        async with editing(folder) as editor:
            await editor.until(lambda: editor.registered == ["workspace/didChangeWatchedFiles"])
            (folder / "genesis.toml").write_text('ignore = ["unknown-section"]', encoding="utf-8")
            editor.open("genesis.json5", "{ x: 1 }")
            assert await editor.checked("genesis.json5") == []
            (folder / "genesis.toml").write_text("ignore = 1", encoding="utf-8")
            event = lsp.FileEvent(editor.uri("genesis.toml"), lsp.FileChangeType.Changed)
            editor.client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([event]))
            await editor.until(lambda: codes(editor.shown[editor.uri("genesis.json5")]) == ["unknown-section"])
            (folder / "genesis.toml").unlink()
            await editor.until(lambda: bool(editor.messages))
            assert "genesis.toml: `ignore` must be an array" in editor.messages[0]
            editor.client.text_document_did_save(lsp.DidSaveTextDocumentParams(editor.document("genesis.json5")))
            editor.change("genesis.json5", "{ y: 1 }")
            await editor.checked("genesis.json5")
            assert len(editor.messages) == 1

    run(talk())


def test_the_last_of_many_changes_is_checked(folder: Path) -> None:
    models = ", ".join(f'{{ id: "m{number}", contextWindow: 9 }}' for number in range(3000))
    text = f"{{ models: {{ providers: {{ vllm: {{ models: [{models}] }} }} }}, %s }}"

    async def talk() -> None:
        async with editing(folder) as editor:
            editor.open("genesis.json5", text % "x: 1")
            for number in range(20):
                editor.change("genesis.json5", text % f"x{number}: 1")
            # Requests in the meantime are answered for the last version.
            assert "env" in await editor.complete("genesis.json5", lsp.Position(0, 2))
            (finding,) = await editor.checked("genesis.json5")
            assert "`x19`" in finding.message
            versions = [sent.version or 0 for sent in editor.published]
            assert versions == sorted(versions)

    run(talk())


def test_no_secret_is_in_any_message(folder: Path) -> None:
    text = f"""{{
      models: {{ providers: {{ vllm: {{
        apiKey: "{CANARY}", apikey: "{CANARY}", baseURL: "http://u:{CANARY}@h:8000", headers: {{ A: "{CANARY}" }},
        params: {{ user: "{SHAPED}", x: "${{MY_KEY:-{CANARY}}}" }},
        models: [{{ id: "{SHAPED}", name: "${{A:-{SHAPED}}}" }}],
      }} }} }},
      // genesis: ignore[{SHAPED}] {SHAPED}
      agents: {{ defaults: {{ model: "vllm/{SHAPED}" }} }},
      env: {{ vars: {{ MY_KEY: "{CANARY}", A: "{SHAPED}" }} }}, {SHAPED}: 1, "x": "{SHAPED}
    }}"""

    async def talk() -> None:
        async with editing(folder, environment={"MY_KEY": CANARY, "A": CANARY}) as editor:
            editor.open("genesis.json5", text)
            assert len(await editor.checked("genesis.json5")) > 5
            for line, written in enumerate(text.split("\n")):
                for character in range(0, len(written), 3):
                    position = lsp.Position(line, character)
                    document = editor.document("genesis.json5")
                    await editor.client.text_document_hover_async(lsp.HoverParams(document, position))
                    await editor.client.text_document_completion_async(lsp.CompletionParams(document, position))
            assert await editor.actions("genesis.json5")
            editor.change("genesis.json5", text.replace("{", "["))
            await editor.checked("genesis.json5")
            editor.client.protocol.notify("genesis/unknown", {"text": SHAPED})
            assert "set" in "".join(editor.received)
            for secret in (CANARY, SHAPED):
                assert not [message for message in editor.received if secret in message]

    run(talk())


def test_every_fixture_has_the_findings_of_check(folder: Path, genesis: Genesis) -> None:
    cases = sorted((FIXTURES / "broken").glob("*/genesis.json5"))

    async def talk() -> None:
        async with editing(folder) as editor:
            for path in cases:
                editor.folder = path.parent
                data = path.read_bytes()
                try:
                    editor.open("genesis.json5", data.removeprefix(b"\xef\xbb\xbf").decode())
                except UnicodeDecodeError:
                    continue  # an editor cannot have such a text
                count = len(await editor.checked("genesis.json5"))
                printed = genesis("check", "--format", "concise", str(path)).stdout
                assert count == sum(line.startswith(f"{path}:") for line in printed.splitlines()), path
                editor.close("genesis.json5")

    run(talk())


def test_a_bug_is_reported_and_the_server_keeps_running(folder: Path) -> None:
    script = folder / "server.py"
    script.write_text(
        "import sys\n"
        "from genesis_config.__main__ import main\n"
        "import genesis_config.lsp.server as server\n"
        f"def crash(*_, **__): raise RuntimeError('{CANARY}')\n"
        "server.hover = crash\n"
        "sys.argv[1:] = ['lsp']\n"
        "main()\n",
        encoding="utf-8",
    )

    async def talk() -> None:
        async with editing(folder, command=(sys.executable, str(script))) as editor:
            editor.open("genesis.json5", MISSPELLED)
            params = lsp.HoverParams(editor.document("genesis.json5"), lsp.Position(0, 3))
            assert await editor.client.text_document_hover_async(params) is None
            await editor.until(lambda: bool(editor.messages))
            assert editor.messages[0].startswith(
                "this is a bug in Genesis; please report it with these lines:\n  genesis "
            )
            assert "RuntimeError in\n" in editor.messages[0]
            assert CANARY not in "".join(editor.received)
            assert codes(await editor.checked("genesis.json5")) == ["unknown-key"]

    run(talk())


def test_an_exit_without_a_shutdown_is_an_error(folder: Path) -> None:
    with start_server(folder) as server:
        assert server.communicate(frame('{"jsonrpc": "2.0", "method": "exit"}'), timeout=30) == (b"", b"")
    assert server.returncode == 1
    with start_server(folder) as server:
        assert server.communicate(b"", timeout=30) == (b"", b"")
    assert server.returncode == 1


def test_an_invalid_message_is_reported_without_its_text(folder: Path) -> None:
    broken = frame(f'{{"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params": "{CANARY}"}}') + frame(
        CANARY
    )
    with start_server(folder) as server:
        out, err = server.communicate(broken, timeout=30)
    assert out.count(b"could not be handled") == 2
    assert CANARY.encode() not in out + err


def test_a_message_that_is_too_large_ends_the_server(folder: Path) -> None:
    with start_server(folder) as server:
        assert server.stdin is not None
        server.stdin.write(b"Content-Length: 99999999999\r\n\r\n{}")
        server.stdin.flush()
        assert server.wait(30) == 1
        assert server.stderr is not None
        assert server.stderr.read() == b""


def test_it_exits_with_the_editor_even_if_its_input_stays_open(folder: Path) -> None:
    # Takes the place of the editor.
    with subprocess.Popen(["sleep", "60"]) as editor, start_server(folder) as server:
        assert server.stdin is not None
        request = f'{{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {{"processId": {editor.pid}, '
        server.stdin.write(frame(request + '"capabilities": {}}}'))
        server.stdin.write(frame('{"jsonrpc": "2.0", "method": "initialized", "params": {}}'))
        server.stdin.flush()
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"Content-Length")
        editor.kill()
        editor.wait()
        assert server.wait(30) == 1


def test_an_interrupt_ends_it_at_once(folder: Path) -> None:
    with start_server(folder) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(frame('{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}'))
        server.stdin.flush()
        assert server.stdout.readline().startswith(b"Content-Length")
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130


def test_without_its_extra_it_names_what_to_install(genesis: Genesis, folder: Path) -> None:
    package = folder / "lib" / "pygls"
    package.mkdir(parents=True)
    missing = "raise ModuleNotFoundError(\"No module named 'pygls'\", name='pygls')"
    (package / "__init__.py").write_text(missing, encoding="utf-8")
    done = genesis("lsp", env={"PYTHONPATH": str(package.parent)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `pygls` ")
    assert "`pip install 'genesis-config[lsp]'`" in done.stderr


def test_check_does_not_import_it(genesis: Genesis, folder: Path) -> None:
    (folder / "genesis.json5").write_text(MISSPELLED, encoding="utf-8")
    done = genesis("check", "--format", "text", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert "genesis_config.config.validation" in done.stderr
    assert "genesis_config.lsp" not in done.stderr
    assert "pygls" not in done.stderr
