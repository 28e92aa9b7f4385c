"""Write the large configuration for benchmarks: `python benchmarks/large_config.py FILE [MODELS]`.

Each of the 10,000 models has the eight keys of the explicit example in the documentation and a comment: 310 bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HEAD = """{
  models: { providers: { vllm: {
    baseUrl: "http://127.0.0.1:8000/v1",
    apiKey: "${VLLM_API_KEY}",
    api: "openai-completions",
    models: [
"""
_MODEL = """      {{
        // served by node {node} of the pool
        id: "org-{number:05d}/model-{number:05d}",
        name: "Local vLLM Model {number}",
        reasoning: false,
        input: ["text"],
        cost: {{ input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }},
        contextWindow: 128000,
        maxTokens: 8192,
      }},
"""
_TAIL = """    ],
  } } },
}
"""


def large_config(models: int = 10_000, first: int = 0) -> str:
    """Return a configuration with one provider and this many models, numbered from `first`."""
    numbers = range(first, first + models)
    return _HEAD + "".join(_MODEL.format(number=number, node=number % 64) for number in numbers) + _TAIL


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(large_config(*map(int, sys.argv[2:3])), encoding="utf-8")
