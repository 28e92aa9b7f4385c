"""The named tuples that `genesis check` defines: like those of `typing`, but cheaper to define."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

from genesis_config.diagnostics.named_tuple import NamedTuple
from genesis_config.diagnostics.source import Position

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
import sys, typing

class ForwardRef(typing.ForwardRef, _root=True):
    def __init__(self, *arguments, **more):
        raise AssertionError(f"compiled: {arguments}")

typing.ForwardRef = ForwardRef
from genesis_config.cli.checking import run_check

sys.exit(run_check([sys.argv[1]]))
"""


class Point(NamedTuple):
    """A point."""

    across: int
    down: int = 2

    @property
    def both(self) -> int:
        """The sum."""
        return self.across + self.down

    @classmethod
    def origin(cls) -> Point:
        return cls(0, 0)


def test_named_tuple_behaves_like_typing_named_tuple() -> None:
    point = Point(1)
    assert (point, point.across, point.down, point.both) == ((1, 2), 1, 2, 3)
    assert (repr(point), point._replace(down=5), Point.origin()) == ("Point(across=1, down=2)", (1, 5), (0, 0))
    assert (Point.__doc__, Point.__module__, Point.__qualname__) == ("A point.", __name__, "Point")
    assert (Point._fields, Point._field_defaults) == (("across", "down"), {"down": 2})
    assert Point.__annotations__ == {"across": "int", "down": "int"}
    assert pickle.loads(pickle.dumps(Position(3, 4))) == Position(3, 4)


def test_check_compiles_no_annotation(tmp_path: Path) -> None:
    config = tmp_path / "genesis.json5"
    config.write_text('{ agents: { defaults: { model: "vllm/${NAME}" } } }', encoding="utf-8")
    completed = subprocess.run(
        [sys.executable, "-c", RUN, config], capture_output=True, text=True, check=False, timeout=60
    )
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "1 file checked: no findings\n", "")
