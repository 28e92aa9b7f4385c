"""The schema family: what validation finds. `genesis_config.config.validation` reports it; here is what it means."""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULES"]

_GOOD: Final = '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 8192 }] } } } }'

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "unknown-key",
        "error",
        "a key that Genesis does not know",
        """What Genesis owns it reads strictly: a misspelt key would otherwise do nothing, and nobody would be told.
`$schema` and keys that start with `x-` are allowed anywhere, for editors and for notes of your own.""",
        '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindws: 8192 }] } } } }',
        _GOOD,
        fixable=True,
    ),
    Rule(
        "wrong-type",
        "error",
        "a value of another type than its key takes",
        """Numbers, strings and booleans are not converted into each other: `"8192"` is a string. The root of a
configuration is an object.""",
        '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: "8192" }] } } } }',
        _GOOD,
    ),
    Rule(
        "missing-key",
        "error",
        "an object without a key that it must have",
        """A model has an `id`, an `apiKey` that is an object has a `source`. The finding points at the brace that
opens the object.""",
        "{ models: { providers: { vllm: { models: [{ contextWindow: 8192 }] } } } }",
        _GOOD,
    ),
    Rule(
        "out-of-range",
        "error",
        "a number that is too small",
        """Windows, limits and time-outs are more than 0, prices are 0 or more.""",
        '{ models: { providers: { vllm: { models: [{ id: "llama", contextWindow: 0 }] } } } }',
        _GOOD,
    ),
    Rule(
        "unknown-section",
        "warning",
        "a section that is not Genesis'",
        """A configuration file may have sections for other programs, so one that Genesis does not know is no error.
It is worth a warning, since it may be a misspelt one, in which nothing is checked. Other programs' keys in `agents` and
`agents.defaults` are none, unless they are nearly `defaults`, `model` or `models`, and that one is missing.""",
        '{ agnets: { defaults: { model: "vllm/llama" } } }',
        '{ agents: { defaults: { model: "vllm/llama" } } }',
    ),
)
