"""Genesis: a configuration compiler, validator and linter for LLM providers, with a thin streaming runtime.

The command line is `genesis`; the library's public entrance is `genesis_config.runtime.Runtime`.
"""

__all__ = ["__version__"]

# The one place of the version: pyproject.toml reads it from here, and reading it costs no import of importlib.metadata.
__version__ = "0.2.0"
