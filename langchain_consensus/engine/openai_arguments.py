"""What the engines on servers are given, checked: addresses and seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_seconds", "server_addresses"]


def server_addresses(base_url: str | Sequence[str]) -> tuple[str, ...]:
    """The addresses, each with `/v1` where it has no path.

    Args:
        base_url: One address, or several.

    Raises:
        InvalidInputError: If there is none, one is there twice, or is no address.
    """
    urls = (base_url,) if isinstance(base_url, str) else tuple(base_url)
    if not urls or len(set(urls)) < len(urls):
        msg = f"`base_url` is {base_url!r}; it must hold at least one address, and none of them twice."
        raise InvalidInputError(msg)
    return tuple(map(_address, urls))


def check_seconds(**limits: float | None) -> None:
    """Checks times that must be above 0; `None` sets no limit.

    Raises:
        InvalidInputError: If one is not.
    """
    for name, seconds in limits.items():
        if seconds is not None and not seconds > 0:
            msg = f"`{name}` is {seconds!r}; it must be a number of seconds above 0."
            raise InvalidInputError(msg)


def _address(url: str) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        msg = f"`base_url` is {url!r}; it must be an address such as 'http://localhost:8000/v1'."
        raise InvalidInputError(msg)
    return url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")
