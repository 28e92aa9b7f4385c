"""The resolved provider manifest: its types, reading and writing, and what its references stand for."""

from genesis_config.credentials.lookup import MissingSecretError, remedy, scrub, secret_value
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
from genesis_config.net.policy import FRAMING_HEADERS, HEADER_NAME, NATIVE_ONLY, OWN_FIELDS
from genesis_config.net.proxies import Proxy, proxy_for

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
    "proxy_for",
    "remedy",
    "scrub",
    "secret_value",
    "write",
]
