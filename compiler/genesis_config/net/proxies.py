"""The proxy that the environment sets for a URL.

The variables are `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, also in lower case, as for curl and Python's
standard library. Requests to this machine never go through a proxy.
"""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple
from urllib.parse import urlsplit

from genesis_config.net import hosts

__all__ = ["Proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy set by the environment.

    Attributes:
        url: The URL of the proxy.
        shown: The URL without user name and password, for messages.
        variable: The environment variable that sets it.
    """

    url: str
    shown: str
    variable: str

    @property
    def supported(self) -> bool:
        """Whether the proxy's protocol is supported: HTTP, but not SOCKS."""
        return self.url.lower().startswith(("http://", "https://"))

    @property
    def valid(self) -> bool:
        """Whether the URL has a host and, if any, a valid port."""
        try:
            parts = urlsplit(self.url)
            return bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            return False

    @property
    def note(self) -> str:
        """The note that messages about an exchange through this proxy end with."""
        return f" (through the proxy {self.shown})"

    def bypass_help(self, url: str) -> str:
        """Return how to send requests to `url` without this proxy."""
        return f"add {urlsplit(url).hostname} to NO_PROXY to bypass the proxy"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for requests to `url`; None if they go to the server directly.

    Raises:
        ValueError: The URL is not valid.
    """
    from urllib.request import getproxies, proxy_bypass  # 17 ms, only needed for requests

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    if not proxies or hosts.is_local(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if _is_in_network(host, proxies.get("no", "")):
        return None
    kind = parts.scheme if proxies.get(parts.scheme) else "all"
    setting = proxies.get(kind)
    if not setting:
        return None
    name = f"{kind}_proxy"  # lower case takes precedence
    proxy_url = setting if "://" in setting else f"http://{setting}"
    scheme, _, rest = proxy_url.partition("://")
    return Proxy(proxy_url, f"{scheme}://{rest.rpartition('@')[2]}", name if os.environ.get(name) else name.upper())


def _is_in_network(host: str, exempt: str) -> bool:
    """Return whether an address is in one of the networks in NO_PROXY, such as `10.0.0.0/8` (as in curl 7.86)."""
    ip = hosts.address(host)
    for item in exempt.split(",") if ip is not None else ():
        try:
            if "/" in item and ip in ipaddress.ip_network(item.strip(), strict=False):
                return True
        except ValueError:
            continue  # not a network
    return False
