"""What the rules for base URLs share: the URLs that a configuration sets, and what their hosts are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from genesis_config.config import keys
from genesis_config.net.hosts import address, is_private
from genesis_config.syntax.references import foreign_dialect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from genesis_config.config.views import Config, Place, Provider

__all__ = ["BaseUrl", "is_metadata_host", "stated_base_urls", "valid_base_urls"]

_METADATA_HOSTS: Final = frozenset({"metadata.google.internal", "metadata.goog"})
# AWS, OpenStack and Alibaba; every other cloud's is in 169.254.0.0/16.
_METADATA_ADDRESSES: Final = frozenset({"fd00:ec2::254", "fe80::a9fe:a9fe", "100.100.100.200"})


class BaseUrl:
    """A base URL that a request can be made with."""

    __slots__ = ("host", "parts", "provider", "text")

    def __init__(self, provider: Provider, text: str, parts: SplitResult, host: str) -> None:
        self.provider = provider
        self.text = text
        self.parts = parts
        self.host = host

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.provider.at(keys.BASE_URL)

    @property
    def is_private(self) -> bool:
        """Whether its host is this machine or in a private network."""
        return is_private(self.host)


def stated_base_urls(config: Config) -> Iterator[tuple[Place, str]]:
    """Yield the base URLs that are set, valid or not.

    One that is another tool's reference (`$BASE_URL`) is a finding itself, and not a URL that is wrong.
    """
    for provider in config.providers:
        url = provider.base_url
        if url is not None and not foreign_dialect(url):
            yield provider.at(keys.BASE_URL), url


def valid_base_urls(config: Config) -> Iterator[BaseUrl]:
    """Yield the base URLs that no rule has an error for; no help may repeat the password of the others."""
    for provider in config.providers:
        url = provider.base_url
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            continue
        unusual = "@" in parts.netloc or parts.query or parts.fragment
        if parts.scheme in {"http", "https"} and host and not unusual:
            yield BaseUrl(provider, url, parts, host)


def is_metadata_host(host: str) -> bool:
    """Return whether clouds keep a machine's credentials at a host."""
    found = address(host)
    if found is None:
        return host.lower().rstrip(".") in _METADATA_HOSTS
    if found.version == 4 and found.is_link_local:  # noqa: PLR2004 - of IPv6 every network has them
        return True
    return str(found).partition("%")[0] in _METADATA_ADDRESSES
