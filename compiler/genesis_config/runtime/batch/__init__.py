"""Many completions in the batch file format of OpenAI: a request a line in, a result a line out."""

from genesis_config.runtime.batch.requests import BatchError, Request, read
from genesis_config.runtime.batch.results import Results
from genesis_config.runtime.batch.running import Summary, answer, run

__all__ = ["BatchError", "Request", "Results", "Summary", "answer", "read", "run"]
