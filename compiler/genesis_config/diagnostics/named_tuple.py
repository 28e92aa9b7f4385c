"""A replacement of `typing.NamedTuple` for the modules that `genesis check` imports.

With postponed annotations, `typing.NamedTuple` compiles the annotation of every field (`typing.ForwardRef`), which
initializes CPython's syntax trees first. For the 30 classes that `genesis check` defines, that took 25 of 225 million
instructions (CPython 3.11). Here, annotations stay strings. Type checkers see the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import namedtuple

    class _NamedTupleMeta(type):
        def __new__(cls, name, bases, namespace):  # noqa: ANN001, ANN204 - type checkers do not see it
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = namespace.pop("__annotations__", {})
            defaults = [namespace.pop(field) for field in fields if field in namespace]
            tuple_class = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])  # noqa: PYI024 - as in `typing`
            tuple_class.__annotations__ = fields
            for key, member in namespace.items():
                if key != "__module__":
                    setattr(tuple_class, key, member)
            return tuple_class

    class NamedTuple(metaclass=_NamedTupleMeta):
        """The base class of named tuples."""
