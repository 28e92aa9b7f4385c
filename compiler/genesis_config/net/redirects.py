"""Where a redirect points, as far as it may be shown."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

__all__ = ["pointed_at"]


def pointed_at(url: str, location: str | None) -> str:
    """Say where a redirect points, in words that go after `a redirect`; nothing where it does not say.

    A user, a password, parameters and a query are left out: a login page's hold tokens.

    Args:
        url: What was asked.
        location: The header `Location` (RFC 9110, §10.2.2), which may be relative to it.
    """
    if not location:
        return ""
    try:
        parts = urlsplit(urljoin(url, location))
        path = parts.path.partition(";")[0]
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, query="", fragment="").geturl()
    except ValueError:
        return ""
    # Bytes that are no UTF-8 arrive as surrogates, which nothing can print.
    return f" to {bare.encode(errors='replace').decode()}"
