"""Reading JSON5 1.0 with the place of every key and value."""

from genesis_config.syntax.decode import decode, take
from genesis_config.syntax.document import Document
from genesis_config.syntax.reader import parse

__all__ = ["Document", "decode", "parse", "take"]
