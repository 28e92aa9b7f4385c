"""The grammar of references to variables in string values, and the resolution of one string.

    text       = { literal | escape | reference }
    reference  = "${" NAME [ modifier ] "}"  |  "$<" NAME [ modifier ] ">"
    modifier   = ":-" default  |  ":?" message
    escape     = "$" ( "${" … "}"  |  "$<" … ">" )   (means the text after the first "$")
    NAME       = [A-Z_] { [A-Z0-9_] }

A `$` that starts neither is literal. Resolution is a single pass: the value of a variable is never expanded itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from genesis_config.diagnostics.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "NAME",
    "Malformed",
    "Piece",
    "Problem",
    "Reference",
    "Resolved",
    "canonical",
    "foreign_dialect",
    "names",
    "parse",
    "resolve",
]

NAME: Final = "[A-Z_][A-Z0-9_]*"

# A modifier's text ends before anything that looks like a reference. Searching for its closing bracket beyond that, for
# each reference again, would take quadratic time on a hostile text.
_REFERENCE = re.compile(
    r"""(\$?) \$ (?: \{ ([A-Z_][A-Z0-9_]*+) (?: :([-?]) ([^}$]*+ (?: \$(?!\{|<[A-Za-z_]) [^}$]*+ )*+) )? \}
                   | <  ([A-Z_][A-Z0-9_]*+) (?: :([-?]) ([^>$]*+ (?: \$(?!\{|<[A-Za-z_]) [^>$]*+ )*+) )? >
                   | (\{ [^}"']*+ \}?
                     | < [A-Za-z_][A-Za-z0-9_]*+
                       (?: > | [-.:?=+#%/] [^<>$"']*+ (?: \$(?!\{|<[A-Za-z_]) [^<>$"']*+ )*+
                               (?: > | \$[{<] [^>"']*+ >? ) )? ) )""",
    re.VERBOSE,
)
# Compiled when first needed: most configurations have no string that starts like one of these.
_FOREIGN = (
    r"(?a)\$([A-Za-z_]\w*)|os\.environ/([A-Za-z_]\w*)|\{\{\s*(?:env\.)?([A-Za-z_]\w*)\s*\}\}|%([A-Z_][A-Z0-9_]*)%"
)


class Reference(NamedTuple):
    """A reference to a variable; `start` and `end` are its offsets in the string that contains it.

    Attributes:
        name: The variable's name.
        default: The text after `:-`, used if the variable is unset or empty.
        message: The text after `:?`, the user's own error message if the variable is unset or empty.
    """

    name: str
    default: str | None
    message: str | None
    start: int
    end: int

    def written(self) -> str:
        """Return the reference in the `${}` spelling, or in the other one if its text contains `}`."""
        modifier = ""
        if self.default is not None:
            modifier = f":-{self.default}"
        elif self.message is not None:
            modifier = f":?{self.message}"
        return f"$<{self.name}{modifier}>" if "}" in modifier else f"${{{self.name}{modifier}}}"


class Malformed(NamedTuple):
    """Text that starts like a reference but is not one, with the reason and what to write instead.

    Attributes:
        lower: The name, if it is only wrong in not being upper case.
    """

    text: str
    reason: str
    help: str
    start: int
    end: int
    lower: str | None = None


class Piece(NamedTuple):
    """A part of a resolved string: its text, and the reference it comes from (None for literal text)."""

    text: str
    reference: Reference | None


class Problem(NamedTuple):
    """The reason why a reference has no value or an empty one: its variable is unset or empty."""

    reference: Reference
    kind: str
    """`unset`, `empty` (where `:?` requires a value) or `blank` (empty, but used as is)."""


class Resolved(NamedTuple):
    """The result of resolving one string.

    Attributes:
        value: The text with every reference replaced; None if a variable that it needs has no value.
        pieces: The parts in order, each with its reference: the origin of every character of `value`.
        problems: One for each reference to a variable that is unset or empty.
    """

    value: str | None
    pieces: tuple[Piece, ...]
    problems: tuple[Problem, ...]


def parse(text: str) -> Iterator[str | Reference | Malformed]:
    """Split a string into literal text, references and malformed references, in order."""
    done = 0
    for match in _REFERENCE.finditer(text):
        escaped, braced, braced_mark, braced_rest, angled, angled_mark, angled_rest, malformed = match.groups()
        start, end = match.span()
        if done < start:
            yield text[done:start]
        done = end
        if escaped:
            yield match.group()[1:]
        elif malformed is not None:
            yield _malformed(malformed, start, end)
        else:
            name, mark, rest = (braced, braced_mark, braced_rest) if braced else (angled, angled_mark, angled_rest)
            yield Reference(name, rest if mark == "-" else None, rest if mark == "?" else None, start, end)
    if done < len(text):
        yield text[done:]


def resolve(text: str, lookup: Callable[[str], str | None]) -> Resolved:
    """Replace every reference in `text` by the value that `lookup` returns for its name (None: unset).

    Malformed references are kept as text; they are reported by a rule of their own.
    """
    pieces: list[Piece] = []
    problems: list[Problem] = []
    whole = True
    for part in parse(text):
        if isinstance(part, str):
            pieces.append(Piece(part, None))
        elif isinstance(part, Malformed):
            pieces.append(Piece(part.text, None))
        else:
            value = lookup(part.name)
            if not value and part.default is not None:
                value = part.default
            elif value is None:
                problems.append(Problem(part, "unset"))
                whole = False
            elif not value and part.message is not None:
                problems.append(Problem(part, "empty"))
                whole = False
            elif not value:
                problems.append(Problem(part, "blank"))
            pieces.append(Piece(value or "", part))
    return Resolved("".join(piece.text for piece in pieces) if whole else None, tuple(pieces), tuple(problems))


def names(text: str) -> list[str]:
    """List the variables that `text` refers to, in order."""
    return [part.name for part in parse(text) if isinstance(part, Reference)]


def canonical(text: str) -> str:
    """Return a string with every reference in the `${}` spelling; escapes and other text are unchanged."""
    done = 0
    result = []
    for part in parse(text):
        if isinstance(part, Reference):
            result += [text[done : part.start], part.written()]
            done = part.end
    return "".join([*result, text[done:]])


def foreign_dialect(text: str) -> str | None:
    """Return the variable's name if the whole string is a reference in another tool's syntax.

    These are the shell's bare `$NAME`, LiteLLM's `os.environ/NAME`, the `{{NAME}}` of templates, and `%NAME%`.
    """
    if text[:1] not in {"$", "o", "{", "%"} or text[:2] in {"${", "$<", "$$"}:
        return None
    match = re.fullmatch(_FOREIGN, text)
    return next(group for group in match.groups() if group) if match else None


def _malformed(found: str, start: int, end: int) -> Malformed:
    """Explain a `{…` or `<…` after a `$` that is not a valid reference."""
    written = f"${found}"
    close = "}" if found[0] == "{" else ">"
    closed = found[-1] == close
    inner = found[1:].removesuffix(close)
    name, colon, rest = inner.partition(":")
    mark = colon + rest[:1] if rest[:1] in {"-", "?"} else ""
    if not mark:
        name = inner
    if not closed:
        name = re.split("[^A-Za-z0-9_]", name.lstrip(), maxsplit=1)[0]
    guess = re.sub("[^A-Z0-9_]+", "_", name.upper()).strip("_") or "NAME"
    suggestion = f"${{{'_' * guess[0].isdigit()}{guess}{mark}{'…' if mark else ''}}}"
    if not closed:
        return Malformed(
            written, f"this reference is missing its closing `{close}`", f"write `{suggestion}`", start, end
        )
    known = re.match(f"({NAME})(?:$|[:?=+#%/])", name)
    reason = f"`{name}` is not a valid variable name: use upper-case letters, digits and `_`"
    if known and mark:
        reason = "a reference inside another reference is not expanded"
        help_ = f"use plain text after `{mark}`, or set {name} instead"
        return Malformed(written, reason, help_, start, end)
    if known:
        rest = name[known.end(1) :]
        reason = f"`{rest}` is not a valid modifier; use a default (`:-`) or a message (`:?`)"
        suggestion = f"${{{known[1]}}}` or `${{{known[1]}:-…}}"
    elif not name:
        reason = "this reference has no variable name"
    elif name[0].isdigit():
        reason += ", not starting with a digit"
    lower = name if re.fullmatch(NAME, name.upper()) and name.isascii() else None
    return Malformed(written, reason, f"write `{suggestion}`, or `${written}` for the literal text", start, end, lower)
