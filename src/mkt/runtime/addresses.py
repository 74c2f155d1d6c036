"""Which hosts are one, and which are of this machine or network."""

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx

_MAPPED: Final = ipaddress.ip_network("::ffff:0:0/96")


def name_of(url: "httpx.URL") -> str:
    """Return the host as it is compared: ASCII, lower case, without the root's dot."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """Tell 127.0.0.0/8, ::1 and localhost: the hosts that plain http is for."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def is_local(host: str) -> bool:
    """Tell loopback, private, link-local and all other addresses that are not public."""
    address = _address(host)
    if address is None:
        return host == "localhost"
    if isinstance(address, ipaddress.IPv6Address) and address in _MAPPED:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return not address.is_global or address.is_multicast


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
