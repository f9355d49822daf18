"""Whom the user's token is for."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLEAN = re.compile(r"[!-~]*")


def token_for(address: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the token that is meant for an address, empty for none.

    ``GITHUB_TOKEN`` is for api.github.com, or for the server of ``GITHUB_API_URL`` where that
    is set, as it is in GitHub Actions. A project's own settings can't send it elsewhere.
    """
    meant = origin(environ.get("GITHUB_API_URL") or "https://api.github.com")
    if origin(address) != meant or not (meant[0] == "https" or _is_here(meant[1])):
        return ""
    return environ.get("GITHUB_TOKEN", "").strip()


def is_clean(token: str) -> bool:
    """Tell whether the header of a request can hold a token."""
    return _CLEAN.fullmatch(token) is not None


def origin(address: str) -> tuple[str, str, int | None]:
    """Return what must be the same for a token to go there."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port


def _is_here(host: str) -> bool:
    """Whether a host is this machine itself, where nobody listens on the way."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
