"""Which hosts are one, and which are of this machine or network."""

import ipaddress
import re
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx

_CARRYING: Final = tuple(
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (("::/96", 0), ("::ffff:0:0/96", 0), ("64:ff9b::/96", 0), ("2002::/16", 80))
)
"""IPv6 networks whose addresses lead to the IPv4 address in them (mapped, NAT64, 6to4), and by how many bits on."""
_SPECIAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48")))
"""Not public by IANA's registries, whatever this Python knows of them."""
_NUMBERS: Final = re.compile(r"[0-9a-fx.]+", re.ASCII)


def name_of(url: "httpx.URL") -> str:
    """Return the host as it is compared: ASCII, lower case, without the root's dot."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """Tell 127.0.0.0/8, ::1 and localhost: the hosts that plain http is for."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


@lru_cache
def is_local(host: str) -> bool:
    """Tell loopback, private, link-local and all other addresses that are not public, however they are written."""
    address = _address(host) or _short(host)
    if address is None:
        return host == "localhost"
    if isinstance(address, ipaddress.IPv6Address):
        address = _carried(address)
    return not address.is_global or address.is_multicast or any(address in network for network in _SPECIAL)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    for network, shift in _CARRYING:
        if address in network and not address.is_loopback:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _short(host: str) -> ipaddress.IPv4Address | None:
    """Return what C's resolver makes of `127.1`, `0x7f.1` and `2130706433`, which a proxy would follow."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if _NUMBERS.fullmatch(host) else None
    except OSError:
        return None
