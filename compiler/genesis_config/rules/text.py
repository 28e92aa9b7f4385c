"""The text family: what the readers of a text report; here is what it means."""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULES"]

_GOOD: Final = '{ agents: { defaults: { model: "vllm/llama" } } }'

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "syntax",
        "error",
        "the text is no JSON5",
        """A configuration is JSON5 1.0: JSON with comments, trailing commas, unquoted keys and single quotes. All
syntax errors of a file are reported in one run, up to 20, and what could be read is checked all the same.""",
        '{ agents: { defaults: { model: "vllm/llama" } }',
        _GOOD,
    ),
    Rule(
        "duplicate-key",
        "error",
        "a key is given twice in one object",
        """JSON5 libraries silently keep the last value, so the first one is lost without a word. Usually both were
meant, in one object, or one is a leftover.""",
        '{ agents: { defaults: { model: "vllm/llama", model: "vllm/qwen" } } }',
        '{ agents: { defaults: { model: { primary: "vllm/llama", fallbacks: ["vllm/qwen"] } } } }',
    ),
    Rule(
        "non-finite-number",
        "error",
        "a number that JSON cannot carry",
        """JSON5 knows `NaN` and `Infinity`, and a literal like `1e999` overflows to one of them. The manifest and
every request are JSON, which has no such numbers.""",
        '{ agents: { defaults: { models: { "vllm/m": { params: { temperature: Infinity } } } } } }',
        '{ agents: { defaults: { models: { "vllm/m": { params: { temperature: 2 } } } } } }',
    ),
    Rule(
        "lone-surrogate",
        "error",
        "half of a surrogate pair",
        """`\\ud83d` alone is no character: it cannot be written as UTF-8, and programs differ in what they make of
it. Write the character itself, or both halves: `\\ud83d\\ude00`.""",
        r'{ agents: { defaults: { models: { "vllm/m": { params: { stop: "\ud83d" } } } } } }',
        r'{ agents: { defaults: { models: { "vllm/m": { params: { stop: "\ud83d\ude00" } } } } } }',
    ),
    Rule(
        "not-utf8",
        "error",
        "the file is not UTF-8",
        """JSON5 text is Unicode, and Genesis reads it as UTF-8, with or without a byte order mark. A file in
another encoding would be read differently on different machines.""",
        "a file saved as Latin-1 or UTF-16",
        "the same file saved as UTF-8",
    ),
    Rule(
        "too-deep",
        "error",
        "more than 200 levels of objects and arrays",
        """A configuration needs a handful of levels. More than 200 are a bracket that is never closed, or an
attempt to exhaust whatever reads the file.""",
        "[[[[…]]]] with more than 200 brackets open at once",
        _GOOD,
    ),
    Rule(
        "too-large",
        "error",
        "a file of more than 16 MiB",
        """10,000 models with all that can be said of them take 3 MB. A file past 16 MiB was given by mistake.""",
        "a file of model weights",
        "the configuration beside it",
    ),
    Rule(
        "include",
        "error",
        "an include that cannot be used",
        """`$include` names a file, or an array of files, whose object stands in its place. The path is relative to
the including file and stays in the folder of the root configuration; files do not include each other in a circle,
nor more than 10 deep.""",
        '{ models: { $include: "../elsewhere.json5" } }',
        '{ models: { $include: "./models.json5" } }',
    ),
)
