"""Redirects, which are reported but not followed, because the key must not go to another address."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

__all__ = ["REDIRECT_HELP", "describe_redirect"]

REDIRECT_HELP: Final = "set `baseUrl` to the address that the server redirects to"


def describe_redirect(url: str, status: int, location: str | None) -> str:
    """Return a message about a redirect, with the part of its target that may be shown.

    The user name, password, parameters and query are left out, because a login page's contain tokens.

    Args:
        url: The URL of the request.
        status: The HTTP status.
        location: The header `Location` (RFC 9110, §10.2.2), which may be relative to the URL.
    """
    return f"{url} answered {status}, a redirect{_target(url, location)}, which is not followed"


def _target(url: str, location: str | None) -> str:
    if not location:
        return ""
    try:
        parts = urlsplit(urljoin(url, location))
        path = parts.path.partition(";")[0]
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, query="", fragment="").geturl()
    except ValueError:
        return ""
    return f" to {bare}"
