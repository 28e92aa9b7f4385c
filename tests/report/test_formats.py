"""Reports for programs: each is valid in its format, contains no secret, and escapes hostile text."""

from __future__ import annotations

import importlib
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from genesis_config.config.expansion import Variables
from genesis_config.diagnostics.finding import Diagnostic, Edit, Fix, Related
from genesis_config.diagnostics.rule_names import RULE_NAMES
from genesis_config.diagnostics.source import Source, Span
from genesis_config.pipeline import check_config
from genesis_config.report import concise_report as concise
from genesis_config.report import github_report as github
from genesis_config.report import gitlab_report as gitlab
from genesis_config.report import junit_report as junit
from genesis_config.report import sarif_report as sarif
from genesis_config.report.model import Report

FORMATS = ["text", "concise", "json", "sarif", "github", "gitlab", "junit"]
SCHEMA: Any = json.loads(
    (Path(__file__).parent.parent / "data" / "sarif-2.1.0.schema.json").read_text(encoding="utf-8")
)
VALIDATOR: Any = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
SOURCE = Source("conf/a b:c.json5", '{\n  first: "x",\n  second: "y",\n}\n', "configuration")
FIRST, SECOND = Span(SOURCE, 4, 9), Span(SOURCE, 18, 24)
FINDING = Diagnostic(
    "unknown-key",
    "unknown key `second`",
    SECOND,
    "did you mean `third`?",
    (Related("first here", FIRST),),
    fix=Fix("rename it to `third`", (Edit(SECOND, "third"),)),
)
WARNING = Diagnostic("duplicate-fallback", "twice, 100%", FIRST, severity="warning")
NOTE = Diagnostic("unset-variable", "not set", None, severity="info")
REPORT = Report(2, (NOTE, WARNING, FINDING), (WARNING._replace(reason="both: on purpose"),))


def rendered(form: str, report: Report) -> str:
    text: str = importlib.import_module(f"genesis_config.report.{form}_report").render(report)
    return text


def test_concise_has_one_line_per_finding() -> None:
    assert concise.render(REPORT) == (
        "info[unset-variable] not set\n"
        "conf/a b:c.json5:2:3: warning[duplicate-fallback] twice, 100%\n"
        "conf/a b:c.json5:3:3: error[unknown-key] unknown key `second`\n"
    )
    assert concise.render(Report(1, ())) == ""


def test_github_lists_errors_first_escapes_and_appends_the_text_report() -> None:
    lines = github.render(REPORT).split("\n")
    assert lines[:3] == [
        (
            "::error file=conf/a b%3Ac.json5,line=3,endLine=3,col=3,endColumn=8,title=unknown-key"
            "::unknown key `second`%0Ahelp: did you mean `third`?"
        ),
        "::warning file=conf/a b%3Ac.json5,line=2,endLine=2,col=3,endColumn=7,title=duplicate-fallback::twice, 100%25",
        "::notice title=unset-variable::not set",
    ]
    assert "\n".join(lines[3:]) == rendered("text", REPORT)


def test_github_gets_ten_annotations_per_kind_and_the_text_has_all() -> None:
    many = tuple(FINDING._replace(message=f"number {index}") for index in range(25))
    output = github.render(Report(1, (*many, WARNING)))
    assert len(re.findall("^::error ", output, re.MULTILINE)) == 10
    assert len(re.findall("^::warning ", output, re.MULTILINE)) == 1
    assert output.count("number 24") == 1


def test_gitlab_has_the_documented_keys() -> None:
    findings = json.loads(gitlab.render(REPORT))
    assert [(each["check_name"], each["severity"]) for each in findings] == [
        ("unset-variable", "info"),
        ("duplicate-fallback", "minor"),
        ("unknown-key", "major"),
    ]
    assert findings[2]["description"] == "unknown key `second` (did you mean `third`?)"
    assert findings[2]["location"] == {"path": "conf/a b:c.json5", "lines": {"begin": 3}}
    assert len({each["fingerprint"] for each in findings}) == 3
    assert gitlab.render(Report(1, ())) == "[]\n"


def test_junit_fails_for_errors_and_warnings() -> None:
    root = ET.fromstring(junit.render(REPORT))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]
    assert cases == [
        ("genesis", "unset-variable: not set", []),
        ("conf/a b:c.json5", "duplicate-fallback: twice, 100%", ["failure"]),
        ("conf/a b:c.json5", "unknown-key: unknown key `second`", ["failure"]),
    ]
    assert suite[2][0].text == (
        "conf/a b:c.json5:3:3: error[unknown-key] unknown key `second`\nhelp: did you mean `third`?"
    )
    (suite,) = ET.fromstring(junit.render(Report(3, ())))
    assert [(case.get("name"), len(case)) for case in suite] == [("3 files checked", 0)]


def test_sarif_is_valid_and_complete() -> None:
    report = json.loads(sarif.render(REPORT))
    VALIDATOR.validate(report)
    (run,) = report["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULE_NAMES)
    for rule in rules:
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert rule["helpUri"].endswith(f"#{rule['id']}")
    note, warning, error, ignored = run["results"]
    assert [each["level"] for each in run["results"]] == ["note", "warning", "error", "warning"]
    assert "locations" not in note
    assert rules[error["ruleIndex"]]["id"] == error["ruleId"] == "unknown-key"
    place = error["locations"][0]["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == "conf/a b:c.json5"
    assert place["region"] == {"startLine": 3, "startColumn": 3, "endLine": 3, "endColumn": 9}
    assert error["relatedLocations"][0]["message"] == {"text": "first here"}
    assert error["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {"deletedRegion": place["region"], "insertedContent": {"text": "third"}}
    ]
    assert ignored["suppressions"] == [{"kind": "inSource", "justification": "both: on purpose"}]
    assert "suppressions" not in warning
    # Two findings on one line have different fingerprints.
    assert warning["partialFingerprints"] != ignored["partialFingerprints"]


def test_a_fingerprint_does_not_change_with_the_lines_above() -> None:
    moved = Source(SOURCE.name, f"// a comment\n\n{SOURCE.text.replace('  second', '      second')}", "configuration")
    again = FINDING._replace(span=Span(moved, moved.text.index("second"), moved.text.index("second") + 6))
    before, after, twice = (
        [
            result["partialFingerprints"]
            for result in json.loads(sarif.render(Report(1, findings)))["runs"][0]["results"]
        ]
        for findings in ((FINDING,), (again,), (FINDING, FINDING._replace(message="other words")))
    )
    assert before == after
    assert twice[0] == before[0]
    assert twice[1] != before[0]


def test_a_fingerprint_does_not_change_if_an_earlier_finding_is_ignored() -> None:
    second = FINDING._replace(span=Span(SOURCE, 19, 24), message="another on the same line")
    both = Report(1, (FINDING, second))
    one = Report(1, (second,), (FINDING._replace(reason="fine"),))
    results = [json.loads(sarif.render(report))["runs"][0]["results"] for report in (both, one)]
    prints = [{each["message"]["text"]: each["partialFingerprints"] for each in some} for some in results]
    assert prints[0] == prints[1]
    assert len({json.dumps(each) for each in prints[0].values()}) == 2
    told = [json.loads(gitlab.render(report)) for report in (both, one)]
    assert told[0][1:] == told[1]


def test_a_file_outside_the_current_directory_has_an_absolute_uri(tmp_path: Path) -> None:
    source = Source(str(tmp_path / "a b.json5"), "{}")
    report = json.loads(sarif.render(Report(1, (FINDING._replace(span=Span(source, 0, 1), fix=None),))))
    VALIDATOR.validate(report)
    place = report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"{tmp_path.as_uri()}/a%20b.json5"


def test_a_clean_report_is_valid_sarif() -> None:
    VALIDATOR.validate(json.loads(sarif.render(Report(1, ()))))


HOSTILE = (
    "\x1b[31mred\x1b[0m \u202e back\n::error::pwned\r\n%0A::warning::x \x00 ]]> <b> & \" ' \ud800 \ufffe ##[a] ##vso[b]"
)


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_is_escaped(form: str) -> None:
    source = Source(f"dir/{HOSTILE}.json5", f'{{ "{HOSTILE}": 1 }}')
    finding = Diagnostic(
        "unknown-key", f"unknown key `{HOSTILE}`", Span(source, 2, 10), HOSTILE, (Related(HOSTILE, Span(source, 0, 1)),)
    )
    output = rendered(form, Report(1, (finding,), (finding._replace(reason=HOSTILE),)))
    output.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff\ufffe]", output)
    assert not re.search(r"##(vso)?\[", output)
    # The runner executes a command in a line even after whitespace.
    commands = [line for line in output.split("\n") if line.lstrip().startswith("::")]
    assert all(line.startswith("::error file=") for line in commands)
    assert len(commands) == (form == "github")
    if form in {"json", "sarif", "gitlab"}:
        json.loads(output)
    if form == "junit":
        ET.fromstring(output)


@pytest.mark.parametrize("form", FORMATS)
def test_a_key_of_a_megabyte_is_reported(form: str) -> None:
    findings = check_config(
        "genesis.json5", f"{{ models: {{ {'k' * 1_000_000}: 1 }} }}".encode(), Variables()
    ).diagnostics
    assert [finding.rule for finding in findings] == ["unknown-key"]
    output = rendered(form, Report(1, tuple(findings)))
    assert "unknown-key" in output
    assert len(output) < 100_000


@pytest.mark.parametrize("form", FORMATS)
def test_no_report_shows_a_secret(form: str) -> None:
    text = '{ models: { providers: { vllm: { wrong: 1, apiKey: "canary-5e1f", models: [{ id: "m", oops: 1 }] } } } }'
    findings = check_config("genesis.json5", text.encode(), Variables()).diagnostics
    assert {finding.rule for finding in findings} >= {"unknown-key", "hardcoded-secret"}
    assert "canary" not in rendered(form, Report(1, tuple(findings)))
