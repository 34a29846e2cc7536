"""Which address a request comes from, also behind proxies.

A proxy adds the address of its client to the header ``X-Forwarded-For``. Anybody can send such a header, so it counts
only from proxies that the settings name, and only up to the first address that is no such proxy, from the right.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping

from hanami_core.errors import SettingsError

__all__ = ["ClientAddressResolver"]

_LOOPBACK = ("127.0.0.1", "::1")

log = logging.getLogger("hanami.http")


class ClientAddressResolver:
    """Finds the addresses of clients."""

    def __init__(self, proxies: str) -> None:
        """Believe `proxies`: addresses and networks, separated by commas.

        Raises:
            SettingsError: if one of them is none.
        """
        self._told = False
        try:
            self._proxies = [ipaddress.ip_network(name) for name in _split(proxies)]
        except ValueError as error:
            raise SettingsError(f"http.proxies: {error}") from error

    def resolve(self, environ: Mapping[str, object]) -> str:
        """Return the address of the client, as far as it can be believed."""
        address = str(environ.get("REMOTE_ADDR", ""))
        if not self._proxies and "HTTP_X_FORWARDED_FOR" in environ and address in _LOOPBACK:
            self._tell_once()
        for further in reversed(_split(str(environ.get("HTTP_X_FORWARDED_FOR", "")))):
            if not self._is_proxy(address) or _parsed(further) is None:
                break
            address = further
        return address

    def _tell_once(self) -> None:
        """Say that what looks like a proxy on this machine is not believed: then all its clients count as one."""
        if not self._told:
            self._told = True
            log.warning("a proxy sends X-Forwarded-For, and http.proxies names none")

    def _is_proxy(self, address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in self._proxies)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    # A socket that takes both kinds of addresses tells those of IPv4 as parts of IPv6.
    return getattr(found, "ipv4_mapped", None) or found


def _split(text: str) -> list[str]:
    return [part for part in map(str.strip, text.split(",")) if part]
