"""`typing.NamedTuple` for the modules that `genesis check` imports.

With postponed annotations `typing.NamedTuple` compiles the annotation of every field (`typing.ForwardRef`), which sets
up CPython's syntax trees first. For the 30 classes that a run of `genesis check` defines that was 25 of 225 million
instructions (CPython 3.11). Here annotations stay text; type checkers see the original.
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
            made = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])  # noqa: PYI024 - what typing's is made of
            made.__annotations__ = fields
            for key, member in namespace.items():
                if key != "__module__":
                    setattr(made, key, member)
            return made

    class NamedTuple(metaclass=_NamedTupleMeta):
        """The base of a named tuple."""
