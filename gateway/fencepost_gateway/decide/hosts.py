"""
Hosts: which are on the public internet, so that nobody has the gateway call into its own network.

Pure. A name is judged when a document is saved and again before each call; the addresses that it
then has are judged by whoever connects (``workers.outbound``), because a name may get others.

Rule 1. Public is what the registries say is reachable by all (``ipaddress.is_global``), and is no
        multicast.
Rule 2. An IPv6 address that stands for an IPv4 address (NAT64, 6to4) is as public as that one.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_LOCAL: Final = (
    "localhost", "local", "internal", "intranet", "lan", "home.arpa", "test", "invalid",
)  # fmt: skip
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


def is_public(address: str) -> bool:
    """Say whether an address is on the public internet; what is no address is not."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast


def private_host(host: str) -> bool:
    """Say whether a host is surely not on the public internet, by its name alone."""
    name = host.rstrip(".").lower()
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    else:
        return not is_public(name)
    is_number = name.rpartition(".")[2].isdecimal() or name.startswith("0x")  # 127.1, 2130706433
    under = any(name == each or name.endswith(f".{each}") for each in _LOCAL)
    return is_number or under or "." not in name
