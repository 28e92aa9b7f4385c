"""The references family: what expansion finds. `genesis_config.config.expansion` reports it; here is what it means."""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULES"]

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "unset-variable",
        "error",
        "a variable that a value needs is not set",
        """`${NAME}` takes its value from the environment, then from `--env-file` files in order, then from
`env.vars`. All variables that are missing are reported in one run.

In `apiKey` and `headers` the manifest keeps the reference, so a variable that is missing there is only a note,
unless its value is used now: to ask a server, or by `--secrets inline`. `genesis check` knows only what it is told
(`--env-file`, `--use-env`), and takes every other variable for an unknown string.

The same rule tells of the other places that a key comes from, where its value is used: a file (`source: "file"`) that
is not there, cannot be read, is empty, too large, or no regular file, and an auth profile that is not in the store.""",
        """{ models: { providers: { vllm: { baseUrl: "http://${LLM_HOST}:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }  // and LLM_HOST is not set""",
        """{ models: { providers: { vllm: { baseUrl: "http://${LLM_HOST:-127.0.0.1}:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    ),
    Rule(
        "empty-variable",
        "warning",
        "a variable is set and empty",
        """An empty value is used as it is. It is rarely meant: in a pipeline it is mostly a secret or a parameter
that was not passed on. `${NAME:-text}` uses the default for an empty variable too, `${NAME:?words}` refuses it.""",
        """{ models: { providers: { vllm: { params: { user: "${TEAM}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }  // and TEAM is empty""",
        """{ models: { providers: { vllm: { params: { user: "${TEAM:-everyone}" },
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
    ),
    Rule(
        "malformed-reference",
        "error",
        "what looks like a reference and is none",
        """A reference is `${NAME}` or `$<NAME>`, and NAME is upper-case letters, digits and `_`. `${lower}`, an
unclosed `${NAME`, and other tools' ways to name a variable (`$NAME`, `os.environ/NAME`, `{{NAME}}`, `%NAME%`, where
they are the whole value) would be sent to the server as they stand. For the text itself write `$${…}`. There is a
fix for `${lower}` where `LOWER` is declared in `env.vars`.""",
        '{ env: { vars: { MODEL: "llama" } }, agents: { defaults: { model: "vllm/${model}" } } }',
        '{ env: { vars: { MODEL: "llama" } }, agents: { defaults: { model: "vllm/${MODEL}" } } }',
        fixable=True,
    ),
)
