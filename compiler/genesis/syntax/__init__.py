"""Reading JSON5 1.0 with the place of every key and value."""

from genesis.syntax.decode import decode, take
from genesis.syntax.document import Document
from genesis.syntax.reader import parse

__all__ = ["Document", "decode", "parse", "take"]
