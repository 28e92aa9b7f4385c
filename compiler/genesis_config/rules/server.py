"""The server family: what discovery finds. Their findings are made where servers are asked; here is what they mean."""

from __future__ import annotations

from typing import Final

from genesis_config.rules.rule import Rule

__all__ = ["RULES"]

# A declared provider that is asked for its models.
_ASKED: Final = """{ models: { providers: { vllm: { baseUrl: "http://127.0.0.1:8000/v1", models: [] } } },
  agents: { defaults: { model: "vllm/llama", models: { "vllm/*": {} } } } }"""
_ASKED_WITH_KEY: Final = _ASKED.replace("models: []", 'apiKey: "${VLLM_API_KEY}", models: []')

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "server-unreachable",
        "error",
        "a server that is to be asked does not answer",
        """A provider that is discovered, or kept dynamic by a wildcard, is asked for its models at
`{baseUrl}/models`: the connection must stand within 5 seconds, the answer within 15. Nothing listens there, its
name is not known, its certificate is not accepted, or it is too slow. Where nothing in the configuration names the
provider this is a warning.""",
        f"{_ASKED}  // and nothing listens on 127.0.0.1:8000",
        f"{_ASKED}  // after `vllm serve llama`",
    ),
    Rule(
        "auth-rejected",
        "error",
        "a server refuses the key",
        """The server answered 401 or 403. A vLLM with `--api-key` takes that key and no other; one without, any.""",
        f"{_ASKED_WITH_KEY}  // and VLLM_API_KEY is not the server's key",
        f"{_ASKED_WITH_KEY}  // and VLLM_API_KEY is",
    ),
    Rule(
        "no-models-discovered",
        "error",
        "a server lists no models",
        """The server answered with a list that holds no model with an id.""",
        f"{_ASKED}  // and the server lists nothing",
        f"{_ASKED}  // and the server serves llama",
    ),
    Rule(
        "bad-model-list",
        "error",
        "a server's answer is no list of models",
        """The server answered, with another status than 200, a redirect, a page of HTML, or JSON of another shape:
mostly it is the address of something else, or lacks `/v1`. Redirects are not followed, since a key is meant for one
address. Single rows without a usable id are left out, with a warning.""",
        f"{_ASKED.replace('/v1', '/llm/v1')}  // and the server has no /llm",
        _ASKED,
    ),
)
