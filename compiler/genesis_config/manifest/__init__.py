"""The resolved provider manifest: its types, reading and writing."""

from genesis_config.manifest.files import MANIFEST_VERSION, ManifestError, digest, dumps, load, loads, write
from genesis_config.manifest.model import (
    Compat,
    Cost,
    Generator,
    Include,
    Manifest,
    Model,
    Provider,
    RequestPolicy,
    SecretRef,
    Selection,
    SourceInfo,
    Streaming,
    WindowFrom,
)

__all__ = [
    "MANIFEST_VERSION",
    "Compat",
    "Cost",
    "Generator",
    "Include",
    "Manifest",
    "ManifestError",
    "Model",
    "Provider",
    "RequestPolicy",
    "SecretRef",
    "Selection",
    "SourceInfo",
    "Streaming",
    "WindowFrom",
    "digest",
    "dumps",
    "load",
    "loads",
    "write",
]
