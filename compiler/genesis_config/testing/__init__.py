"""A vLLM-shaped server for the demo and for tests, here and in projects that use Genesis.

    async with FakeVLLM(answer=Answer(("Hello", " world"))) as server:
        ...  # server.base_url, server.requests

    with serving(api_key="a-key") as server:
        ...  # the same in a thread, for synchronous code

`python -m genesis_config.testing` runs it as a separate process. Its responses match those recorded from vLLM 0.32.0
byte for byte, except for ids, times and counts.
"""

from genesis_config.testing.answers import DEFAULT_ANSWER, Answer, ToolCall
from genesis_config.testing.background import serving
from genesis_config.testing.faults import Fault
from genesis_config.testing.protocol import ServedModel
from genesis_config.testing.server import FakeVLLM, RecordedRequest

__all__ = ["DEFAULT_ANSWER", "Answer", "FakeVLLM", "Fault", "RecordedRequest", "ServedModel", "ToolCall", "serving"]
