"""Errors that a user can cause have a common base."""

from __future__ import annotations

import importlib
import pkgutil
import re

import genesis_config
from genesis_config.diagnostics import errors
from genesis_config.diagnostics.errors import GenesisError

# Errors that never reach a user: they are raised and caught in one module, or raised by the test server.
INTERNAL = {"Stop", "RefusedError"}
# Modules that need an extra that may not be installed, or that run on import.
LEFT_OUT = {"genesis_config.__main__", "genesis_config.testing.__main__", "genesis_config.runtime.batch.on_ray"}


def subclasses(base: type[Exception]) -> set[type[Exception]]:
    return {found for child in base.__subclasses__() for found in {child, *subclasses(child)}}


def test_user_errors_have_the_common_base() -> None:
    for module in pkgutil.walk_packages(genesis_config.__path__, "genesis_config."):
        if module.name not in LEFT_OUT:
            importlib.import_module(module.name)
    own = {
        error
        for error in subclasses(Exception)
        if error.__module__.startswith("genesis_config.")
        and not error.__name__.startswith("_")
        and not INTERNAL.intersection(parent.__name__ for parent in error.__mro__)
    }
    assert len(own) > 20
    assert {error.__qualname__ for error in own if not issubclass(error, GenesisError)} == set()


def test_error_tree_in_the_docstring_matches_the_code() -> None:
    drawn = re.findall(r"^[├└]── (\w+) .* (\S+)$", errors.__doc__ or "", re.MULTILINE)
    assert {name for name, _ in drawn} == {error.__name__ for error in GenesisError.__subclasses__()}
    for name, module in drawn:
        assert issubclass(getattr(importlib.import_module(f"genesis_config.{module}"), name), GenesisError)


def test_file_error_names_action_path_and_reason() -> None:
    error = errors.file_error("read", "a/b", FileNotFoundError(2, "No such file or directory", "elsewhere"))
    assert (str(error), error.help) == ("cannot read a/b: No such file or directory", None)
