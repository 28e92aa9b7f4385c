"""Classification of hosts, in every spelling: this machine, a private network, or public."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["address", "is_local", "is_private"]

# Only digits, `x` and dots, which every resolver treats as an IPv4 address. Compiled on first use.
_NUMERIC = r"(?i)[0-9a-fx]+(?:\.[0-9a-fx]+){0,3}"
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".svc", ".home.arpa")


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is written as, without a lookup; None if it is a name.

    Resolvers accept more than the standard notation: `127.1`, `0x7f.1` and `2130706433` are 127.0.0.1 (inet_aton(3)).
    An IPv4-mapped IPv6 address (RFC 4291, §2.5.5.2) is returned as the IPv4 address.
    """
    bare = host.rstrip(".")
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return _parse_legacy_ipv4(bare)
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _parse_legacy_ipv4(host: str) -> ipaddress.IPv4Address | None:
    """Parse an IPv4 address in one of the older notations."""
    if not re.fullmatch(_NUMERIC, host) or not host[0].isdigit():
        return None
    import socket  # `genesis check` rarely needs it

    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_local(host: str) -> bool:
    """Return whether a host is this machine, which includes the unspecified address."""
    ip = address(host)
    if ip is not None:
        return ip.is_loopback or ip.is_unspecified
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def is_private(host: str) -> bool:
    """Return whether a host is this machine or in a private network. A name without dots is a cluster's own."""
    ip = address(host)
    if ip is not None:
        return ip.is_private
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(_PRIVATE_NAMES)
