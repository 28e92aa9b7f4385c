"""The base URLs that a configuration sets, and what is known of their hosts; shared by the rules for base URLs."""

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

__all__ = ["BaseUrl", "declared_base_urls", "is_metadata_host", "valid_base_urls"]

_METADATA_HOSTS: Final = frozenset({"metadata.google.internal", "metadata.goog"})
# AWS, OpenStack and Alibaba; all other clouds use an address in 169.254.0.0/16.
_METADATA_ADDRESSES: Final = frozenset({"fd00:ec2::254", "fe80::a9fe:a9fe", "100.100.100.200"})


class BaseUrl:
    """A base URL that requests can be sent to."""

    __slots__ = ("host", "parts", "provider", "text")

    def __init__(self, provider: Provider, text: str, parts: SplitResult, host: str) -> None:
        self.provider = provider
        self.text = text
        self.parts = parts
        self.host = host

    @property
    def place(self) -> Place:
        """Where the configuration sets it."""
        return self.provider.at(keys.BASE_URL)

    @property
    def is_private(self) -> bool:
        """Whether its host is this machine or on a private network."""
        return is_private(self.host)


def declared_base_urls(config: Config) -> Iterator[tuple[Place, str]]:
    """Yield the place and text of each base URL in the configuration, valid or not.

    References in another tool's syntax (`$BASE_URL`) are left out, since `malformed-reference` reports them.
    """
    for provider in config.providers:
        url = provider.base_url
        if url is not None and not foreign_dialect(url):
            yield provider.at(keys.BASE_URL), url


def valid_base_urls(config: Config) -> Iterator[BaseUrl]:
    """Yield the base URLs that are valid and contain no user info, query or fragment.

    Their text can be repeated in messages: it contains no password.
    """
    for provider in config.providers:
        url = provider.base_url
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            continue
        has_extras = "@" in parts.netloc or parts.query or parts.fragment
        if parts.scheme in {"http", "https"} and host and not has_extras:
            yield BaseUrl(provider, url, parts, host)


def is_metadata_host(host: str) -> bool:
    """Return whether a host is a cloud's metadata service, which hands out a machine's credentials."""
    ip = address(host)
    if ip is None:
        return host.lower().rstrip(".") in _METADATA_HOSTS
    if ip.version == 4 and ip.is_link_local:  # noqa: PLR2004 - with IPv6, every network has link-local addresses
        return True
    return str(ip).partition("%")[0] in _METADATA_ADDRESSES
