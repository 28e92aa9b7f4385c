"""Batches of completions in OpenAI's batch file format: one request per line in, one result per line out."""

from genesis_config.runtime.batch.requests import BatchError, Request, read_requests
from genesis_config.runtime.batch.results import Results
from genesis_config.runtime.batch.running import Summary, complete_request, run_batch

__all__ = ["BatchError", "Request", "Results", "Summary", "complete_request", "read_requests", "run_batch"]
