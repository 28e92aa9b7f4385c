"""The resolved provider manifest: its types, reading and writing, and what its references stand for."""

from genesis.manifest.files import MANIFEST_VERSION, ManifestError, digest, dumps, load, loads, write
from genesis.manifest.model import (
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
from genesis.manifest.proxies import Proxy, proxy_for
from genesis.manifest.redirects import pointed_at
from genesis.manifest.secrets import MissingSecretError, remedy, scrub, secret_value
from genesis.policy import FRAMING_HEADERS, HEADER_NAME, NATIVE_ONLY, OWN_FIELDS

__all__ = [
    "FRAMING_HEADERS",
    "HEADER_NAME",
    "MANIFEST_VERSION",
    "NATIVE_ONLY",
    "OWN_FIELDS",
    "Compat",
    "Cost",
    "Generator",
    "Include",
    "Manifest",
    "ManifestError",
    "MissingSecretError",
    "Model",
    "Provider",
    "Proxy",
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
    "pointed_at",
    "proxy_for",
    "remedy",
    "scrub",
    "secret_value",
    "write",
]
