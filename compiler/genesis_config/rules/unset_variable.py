"""`unset-variable`: required variable is not set.

Reported where variables are resolved.
"""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULE"]

RULE: Final = Rule(
    "unset-variable",
    title="required variable is not set",
    severity="error",
    kind="required",
    stage="variables",
    why="""The value of `${NAME}` comes from the environment, the `--env-file` files in order, or `env.vars`: the first
that sets the variable wins. All missing variables are reported in one run.

In `apiKey` and `headers` the manifest keeps the reference, so a missing variable there is only an info unless the run
needs its value, to query a server or for `--secrets inline`. `genesis check` uses only the variables from `--env-file`
and `--use-env`, and treats any other variable as unknown.

The same rule also covers other sources of a key when its value is needed: a key file (`source: "file"`) that is
missing, unreadable, empty, too large or not a regular file, and an auth profile that is not in the store.""",
    bad="""{ models: { providers: { vllm: { baseUrl: "http://${LLM_HOST}:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }  // LLM_HOST is not set""",
    good="""{ models: { providers: { vllm: { baseUrl: "http://${LLM_HOST:-127.0.0.1}:8000/v1",
  models: [{ id: "llama", contextWindow: 8192 }] } } } }""",
)
