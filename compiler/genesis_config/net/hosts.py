"""Classifying hosts, in every spelling: this machine, a private network, or another."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["address", "is_local", "is_private"]

# Digits, `x` and dots alone, which every resolver takes for an IPv4 address; compiled when first needed.
_NUMERIC = r"(?i)[0-9a-fx]+(?:\.[0-9a-fx]+){0,3}"
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".svc", ".home.arpa")


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, without a lookup; None if it is a name.

    Resolvers take more spellings than the standard's: `127.1`, `0x7f.1` and `2130706433` are 127.0.0.1 (inet_aton(3)).
    An IPv4 address that is mapped into IPv6 (RFC 4291, §2.5.5.2) is the IPv4 address.
    """
    bare = host.rstrip(".")
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return _unusual(bare)
    return getattr(found, "ipv4_mapped", None) or found


def _unusual(host: str) -> ipaddress.IPv4Address | None:
    """Parse a spelling of an IPv4 address that is not the standard's."""
    if not re.fullmatch(_NUMERIC, host) or not host[0].isdigit():
        return None
    import socket  # `genesis check` does without, as long as nobody writes an address like that

    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_local(host: str) -> bool:
    """Return whether a host is this machine. So is the unspecified address: a connection to it ends here."""
    found = address(host)
    if found is not None:
        return found.is_loopback or found.is_unspecified
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def is_private(host: str) -> bool:
    """Return whether a host is this machine or in a private network; a name without dots is a cluster's own."""
    found = address(host)
    if found is not None:
        return found.is_private
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(_PRIVATE_NAMES)
