"""A JSON5 1.0 reader that records the place of every key and value."""

from genesis_config.syntax.decode import decode, read_limited
from genesis_config.syntax.document import Document
from genesis_config.syntax.reader import parse

__all__ = ["Document", "decode", "parse", "read_limited"]
