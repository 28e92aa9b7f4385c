"""Settings of rules: `[tool.genesis]` in pyproject.toml, or genesis.toml; the nearest directory above a file wins.

[tool.genesis]                      # in genesis.toml, the same keys at the top level
select = ["hardcoded-secret"]       # only these rules (default: all)
ignore = ["unknown-section"]        # all but these
[tool.genesis.severity]
assumed-context-window = "error"
[tool.genesis.per-path]
"examples/**" = ["hardcoded-secret"]   # all but these in matching files (relative path)
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
    """Unusable settings; the message names the file and the key, and says what to do."""


class Settings(NamedTuple):
    """Settings for the files of a directory: which rules apply, and with what severity.

    Attributes:
        select: Only these rules; None for all.
        ignore: Rules that do not apply.
        severity: Severities by rule, in place of the defaults.
        per_path: Rules that do not apply to files that match a pattern, relative to `directory`.
        directory: The directory of the settings' file.
    """

    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = {}
    per_path: tuple[tuple[str, frozenset[str]], ...] = ()
    directory: str = ""

    def apply(self, findings: Iterable[Diagnostic], path: str) -> list[Diagnostic]:
        """Return the findings that these settings keep, each with its severity.

        Args:
            findings: The findings in the file at `path` and in the files that it includes; `per-path` patterns apply
                to the file that contains the finding.
            path: The file for findings without a place.
        """
        ignored: dict[str, frozenset[str]] = {}

        def applies(finding: Diagnostic) -> bool:
            name = finding.span.source.name if finding.span and self.per_path else path
            if name not in ignored:
                matching = (rules for pattern, rules in self.per_path if self._matches(name, pattern))
                ignored[name] = self.ignore.union(*matching)
            return finding.rule not in ignored[name] and (self.select is None or finding.rule in self.select)

        return [
            finding._replace(severity=self.severity.get(finding.rule, finding.severity))
            for finding in findings
            if applies(finding)
        ]

    def _matches(self, path: str, pattern: str) -> bool:
        return _spec(pattern).match_file(os.path.relpath(path, self.directory).replace(os.sep, "/"))


def _spec(pattern: str) -> pathspec.GitIgnoreSpec:
    """Compile a `per-path` pattern.

    Raises:
        ValueError: The pattern is not valid.
    """
    import pathspec  # most settings have no patterns

    try:
        return pathspec.GitIgnoreSpec.from_lines([pattern.removeprefix("./")])
    except re.error as error:
        raise ValueError(str(error)) from None


NO_SETTINGS: Final = Settings()
_cache: dict[tuple[str, str | None], Settings] = {}


def settings_for(directory: str, root: str | None = None) -> Settings:
    """Return the settings for the files of a directory, from the nearest directory (itself or above) that has some.

    Args:
        directory: The directory of the files.
        root: The directory that was searched for them; None if they were named explicitly.

    Raises:
        SettingsError: The settings cannot be used.
    """
    directory = os.path.abspath(directory)
    key = (directory, root and os.path.abspath(root))
    if key not in _cache:
        _cache[key] = _read(directory, root) or (
            NO_SETTINGS if os.path.dirname(directory) == directory else settings_for(os.path.dirname(directory), root)
        )
    return _cache[key]


def forget_settings() -> None:
    """Clear the cache: in a long-running process, the files of settings change."""
    _cache.clear()
    reading.forget()


def _read(directory: str, root: str | None) -> Settings | None:
    """Read the settings in a directory; None if it has none."""
    for name in FILES:
        path = os.path.relpath(os.path.join(directory, name))
        try:
            data = reading.read_found(path, root, most=_LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from None
        # Most projects have a pyproject.toml without settings for Genesis, which need not be parsed.
        if name == FILES[0] or re.search(_MENTIONED, data):
            table = _table(path, data, nested=name != FILES[0])
            if table is not None:
                return _settings(path, table, directory)
    return None


def _table(path: str, data: bytes, *, nested: bool) -> dict[str, object] | None:
    import tomllib  # 4 ms, only if there are settings

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


def _settings(path: str, table: Mapping[str, object], directory: str) -> Settings:
    """Validate a table and return its settings."""
    for key in table:
        if key not in _KEYS:
            near = nearest(key, _KEYS)
            hint = f"did you mean `{near}`?" if near else f"the known keys are {listed(_KEYS)}"
            raise SettingsError(f"{path}: unknown key `{key}`", help=hint)
    severity: dict[str, Severity] = {}
    for rule, value in _read_table(path, table, "severity").items():
        known = [name for name in SEVERITIES if name == value]
        if not known:
            raise SettingsError(f"{path}: `severity.{rule}` must be one of {listed(SEVERITIES)}")
        severity[rule] = known[0]
    _check_rule_names(path, "severity", severity)
    per_path = _read_table(path, table, "per-path")
    for pattern in per_path:
        try:
            _spec(pattern)
        except ValueError:
            raise SettingsError(f"{path}: `per-path` contains an invalid pattern: `{pattern}`") from None
    return Settings(
        select=frozenset(_read_rule_names(path, "select", table["select"])) if "select" in table else None,
        ignore=frozenset(_read_rule_names(path, "ignore", table.get("ignore", []))),
        severity=severity,
        per_path=tuple(
            (pattern, frozenset(_read_rule_names(path, f'per-path."{pattern}"', rules)))
            for pattern, rules in per_path.items()
        ),
        directory=directory,
    )


def _read_table(path: str, table: Mapping[str, object], key: str) -> dict[str, object]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise SettingsError(f"{path}: `{key}` must be a table")
    return value


def _read_rule_names(path: str, key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(rule, str) for rule in value):
        raise SettingsError(f"{path}: `{key}` must be an array of rule names")
    _check_rule_names(path, key, value)
    return value


def _check_rule_names(path: str, key: str, rules: Iterable[str]) -> None:
    check_rule_names(rules, RULE_NAMES, f"{path}: `{key}`")


def check_rule_names(rules: Iterable[str], known: Collection[str], where: str) -> None:
    """Check that all names are names of rules.

    Args:
        rules: The names to check.
        known: The names of all rules.
        where: The option or key that the names are from, for the message.

    Raises:
        SettingsError: A name is unknown; the help suggests the nearest one.
    """
    for rule in rules:
        if rule not in known:
            near = nearest(rule, known)
            hint = f"did you mean `{near}`?" if near else "run `genesis explain` to list all rules"
            raise SettingsError(f"{where}: unknown rule `{rule}`", help=hint)
