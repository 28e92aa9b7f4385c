"""The proxy that the environment names for a URL.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case too, as curl and Python's own library read them;
this machine's own addresses never go through one.
"""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple
from urllib.parse import urlsplit

from genesis_config.net import hosts

__all__ = ["Proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy that the environment names.

    Attributes:
        url: Its URL.
        shown: The URL as it may be shown, without a user name and a password.
        variable: The environment variable that names it.
    """

    url: str
    shown: str
    variable: str

    @property
    def supported(self) -> bool:
        """Whether requests can be made through it: by HTTP, not by SOCKS."""
        return self.url.lower().startswith(("http://", "https://"))

    @property
    def valid(self) -> bool:
        """Whether the URL names a host, and a port that exists."""
        try:
            parts = urlsplit(self.url)
            return bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            return False

    @property
    def note(self) -> str:
        """Words for the end of a message about an exchange that this proxy was part of."""
        return f" (through the proxy {self.shown})"

    def bypass_help(self, url: str) -> str:
        """Return how to send requests to `url` without this proxy."""
        return f"add {urlsplit(url).hostname} to NO_PROXY to bypass the proxy"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for requests to `url`; None if they go to the server directly.

    Raises:
        ValueError: The URL is not valid.
    """
    from urllib.request import getproxies, proxy_bypass  # 17 ms, where requests are made

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    if not proxies or hosts.is_local(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if _in_a_network(host, proxies.get("no", "")):
        return None
    kind = parts.scheme if proxies.get(parts.scheme) else "all"
    found = proxies.get(kind)
    if not found:
        return None
    name = f"{kind}_proxy"  # which is read before the same in capitals
    whole = found if "://" in found else f"http://{found}"
    scheme, _, rest = whole.partition("://")
    return Proxy(whole, f"{scheme}://{rest.rpartition('@')[2]}", name if os.environ.get(name) else name.upper())


def _in_a_network(host: str, exempt: str) -> bool:
    """Return whether an address is in one of the networks of NO_PROXY, such as `10.0.0.0/8` (curl 7.86 and newer)."""
    found = hosts.address(host)
    for item in exempt.split(",") if found is not None else ():
        try:
            if "/" in item and found in ipaddress.ip_network(item.strip(), strict=False):
                return True
        except ValueError:
            continue  # not a network
    return False
