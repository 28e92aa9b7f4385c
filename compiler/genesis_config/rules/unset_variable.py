"""`unset-variable`: a variable that a value needs is not set.

Reported where variables are resolved.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unset-variable",
    title="a variable that a value needs is not set",
    severity="error",
    kind="required",
    stage="variables",
    why="""`${NAME}` takes its value from the environment, then from `--env-file` files in order, then from
`env.vars`. All variables that are missing are reported in one run.

In `apiKey` and `headers` the manifest keeps the reference, so a variable that is missing there is only a note,
unless its value is used now: to ask a server, or by `--secrets inline`. `genesis check` knows only what it is told
(`--env-file`, `--use-env`), and takes every other variable for an unknown string.

The same rule tells of the other places that a key comes from, where its value is used: a file (`source: "file"`) that
is not there, cannot be read, is empty, too large, or no regular file, and an auth profile that is not in the store.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://${LLM_HOST}:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }  // and LLM_HOST is not set""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://${LLM_HOST:-127.0.0.1}:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
