"""The settings of rules: `[tool.genesis]` in pyproject.toml, or genesis.toml; the nearest directory above a file wins.

[tool.genesis]                      # in genesis.toml the same keys are at the top
select = ["hardcoded-secret"]       # only these; absent is all
ignore = ["unknown-section"]        # not these
[tool.genesis.severity]
assumed-context-window = "error"
[tool.genesis.per-path]
"examples/**" = ["hardcoded-secret"]   # not these in files that match, relative to the settings' directory
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.errors import GenesisError
from genesis_config.diagnostics.finding import SEVERITIES, Severity
from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.rule_names import RULE_NAMES
from genesis_config.diagnostics.suggestions import listed, nearest
from genesis_config.files import reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import pathspec

from genesis_config.diagnostics.finding import Diagnostic

__all__ = ["NO_SETTINGS", "Settings", "SettingsError", "check_rule_names", "forget_settings", "settings_for"]

_LARGEST: Final = 1024 * 1024  # bytes
FILES: Final = ("genesis.toml", "pyproject.toml")
# The ways to write `tool.genesis` in TOML: by that name, however it is quoted, or in a table `tool`.
_MENTIONED: Final = (
    rb"""tool["'\s]*\.["'\s]*genesis|(?m:^[ \t]*\[[ \t]*["']?tool["']?[ \t]*\])|(?m:^[ \t]*["']?tool["']?[ \t]*=)"""
)
_KEYS: Final = ("select", "ignore", "severity", "per-path")


class SettingsError(GenesisError):
    """Settings that cannot be used; the message names the file and the key, and says what to do."""


class Settings(NamedTuple):
    """Which rules apply, and how severe their findings are.

    Attributes:
        select: Only these rules; None is all.
        ignore: Not these.
        severity: Severities by rule, instead of the rules' own.
        per_path: Rules that do not apply to files that match a pattern, relative to `folder`.
        folder: The directory of the settings' file.
    """

    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = {}
    per_path: tuple[tuple[str, frozenset[str]], ...] = ()
    folder: str = ""

    def apply(self, findings: Iterable[Diagnostic], path: str) -> list[Diagnostic]:
        """Return the findings that count, each with its severity.

        Args:
            findings: Those of the file at `path` and of the files that it includes; patterns apply to the file that a
                finding is in.
            path: The file of findings without a place.
        """
        ignored: dict[str, frozenset[str]] = {}

        def counts(finding: Diagnostic) -> bool:
            name = finding.span.source.name if finding.span and self.per_path else path
            if name not in ignored:
                matching = (rules for pattern, rules in self.per_path if self._matches(name, pattern))
                ignored[name] = self.ignore.union(*matching)
            return finding.rule not in ignored[name] and (self.select is None or finding.rule in self.select)

        return [
            finding._replace(severity=self.severity.get(finding.rule, finding.severity))
            for finding in findings
            if counts(finding)
        ]

    def _matches(self, path: str, pattern: str) -> bool:
        return _spec(pattern).match_file(os.path.relpath(path, self.folder).replace(os.sep, "/"))


def _spec(pattern: str) -> pathspec.GitIgnoreSpec:
    """Compile a pattern.

    Raises:
        ValueError: It is not a valid one.
    """
    import pathspec  # most settings have no patterns

    try:
        return pathspec.GitIgnoreSpec.from_lines([pattern.removeprefix("./")])
    except re.error as error:
        raise ValueError(str(error)) from None


NO_SETTINGS: Final = Settings()
_known: dict[tuple[str, str | None], Settings] = {}


def settings_for(folder: str, root: str | None = None) -> Settings:
    """Return the settings for the files of a directory: those of the nearest directory, itself or above, that has some.

    Args:
        folder: The directory of the files.
        root: The directory that was searched for them, if one was.

    Raises:
        SettingsError: They cannot be used.
    """
    folder = os.path.abspath(folder)
    key = (folder, root and os.path.abspath(root))
    if key not in _known:
        _known[key] = _read(folder, root) or (
            NO_SETTINGS if os.path.dirname(folder) == folder else settings_for(os.path.dirname(folder), root)
        )
    return _known[key]


def forget_settings() -> None:
    """Read settings again at next use: in a long-running process their files change."""
    _known.clear()
    reading.forget()


def _read(folder: str, root: str | None) -> Settings | None:
    """Read a folder's own settings; None where it has none."""
    for name in FILES:
        path = os.path.relpath(os.path.join(folder, name))
        try:
            data = reading.read_found(path, root, most=_LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from None
        # Most projects have a pyproject.toml that says nothing of Genesis, and need no reader for it.
        if name == FILES[0] or re.search(_MENTIONED, data):
            table = _table(path, data, nested=name != FILES[0])
            if table is not None:
                return _settings(path, table, folder)
    return None


def _table(path: str, data: bytes, *, nested: bool) -> dict[str, object] | None:
    import tomllib  # 4 ms, for those who have settings

    try:
        table: object = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    for key in ("tool", "genesis") if nested else ():
        table = table.get(key) if isinstance(table, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: `tool.genesis` must be a table")
    return table


def _settings(path: str, table: Mapping[str, object], folder: str) -> Settings:
    """Check a table and make settings of it."""
    for key in table:
        if key not in _KEYS:
            near = nearest(key, _KEYS)
            hint = f"did you mean `{near}`?" if near else f"the keys are {listed(_KEYS)}"
            raise SettingsError(f"{path}: unknown key `{key}`", help=hint)
    severity: dict[str, Severity] = {}
    for rule, value in _mapping(path, table, "severity").items():
        known = [each for each in SEVERITIES if each == value]
        if not known:
            raise SettingsError(f"{path}: `severity.{rule}` must be one of {listed(SEVERITIES)}")
        severity[rule] = known[0]
    _known_rules(path, "severity", severity)
    per_path = _mapping(path, table, "per-path")
    for pattern in per_path:
        try:
            _spec(pattern)
        except ValueError:
            raise SettingsError(f"{path}: `per-path` contains an invalid pattern: `{pattern}`") from None
    return Settings(
        select=frozenset(_rules(path, "select", table["select"])) if "select" in table else None,
        ignore=frozenset(_rules(path, "ignore", table.get("ignore", []))),
        severity=severity,
        per_path=tuple(
            (pattern, frozenset(_rules(path, f'per-path."{pattern}"', rules))) for pattern, rules in per_path.items()
        ),
        folder=folder,
    )


def _mapping(path: str, table: Mapping[str, object], key: str) -> dict[str, object]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise SettingsError(f"{path}: `{key}` must be a table")
    return value


def _rules(path: str, key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(rule, str) for rule in value):
        raise SettingsError(f"{path}: `{key}` must be an array of rule names")
    _known_rules(path, key, value)
    return value


def _known_rules(path: str, key: str, rules: Iterable[str]) -> None:
    check_rule_names(rules, RULE_NAMES, f"{path}: `{key}`")


def check_rule_names(rules: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse a name that no rule has.

    Raises:
        SettingsError: One is unknown; the message says which one is near.
    """
    for rule in rules:
        if rule not in known:
            near = nearest(rule, known)
            hint = f"did you mean `{near}`?" if near else "run `genesis explain` to list all rules"
            raise SettingsError(f"{where}: unknown rule `{rule}`", help=hint)
