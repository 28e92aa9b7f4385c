"""Which proxy the environment names for an address.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case too, as curl and Python's own library read them;
loopback addresses never go through one.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy: its URL, and the URL as it may be shown, without a user name and a password."""

    url: str
    shown: str


def proxy_for(url: str) -> Proxy | None:
    """Give the proxy that requests to `url` go through; None where they go there directly."""
    from urllib.request import getproxies, proxy_bypass  # 17 ms, where requests are made

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    if not proxies or _is_loopback(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found:
        return None
    whole = found if "://" in found else f"http://{found}"
    scheme, _, rest = whole.partition("://")
    return Proxy(whole, f"{scheme}://{rest.rpartition('@')[2]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
