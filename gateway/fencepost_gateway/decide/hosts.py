"""
Hosts: which are on the public internet, so that nobody has the gateway call into its own network.

Pure. A name is judged when a document or an address is saved and again before each call; the
addresses that it then has are judged by whoever connects (``workers.way_out``), because a name may
get others.

Rule 1. What is not public stands in our own table, after the registries of special-purpose
        addresses (RFC 6890), of multicast and of what is reserved. The standard library's
        ``is_global`` changes with its version and calls some of these global: multicast, IPv4
        compatible addresses, relays and translators.
Rule 2. Of IPv6 only ``2000::/3`` is given to the public; the rest is refused without a table.
Rule 3. An IPv6 address that stands for an IPv4 address (mapped, NAT64, 6to4) is as public as that
        one. A translator of one's own network (RFC 8215) and Teredo lead anywhere: refused.
Rule 4. A name is judged as a resolver would read it: in the compatibility form of Unicode, without
        case, the root's dot and what is not seen. A last label that is a number, in whatever base,
        makes it an address; only four plain decimals may be one.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

_LOCAL: Final = (
    "localhost", "localdomain", "local", "internal", "intranet", "corp", "home", "private", "lan",
    "home.arpa", "test", "invalid", "onion", "alt",
)  # fmt: skip
_PRIVATE_4: Final = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private use
    "100.64.0.0/10",  # behind a carrier, and clouds' own services
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local, and clouds' metadata
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # documentation
    "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",  # AS 112 and AMT: answer anywhere
    "192.88.99.0/24",  # relays of 6to4
    "198.18.0.0/15",  # benchmarks
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
)))  # fmt: skip
_PUBLIC_6: Final = ipaddress.IPv6Network("2000::/3")
_PRIVATE_6: Final = tuple(map(ipaddress.IPv6Network, (
    "2001::/23",  # protocol assignments, Teredo, ORCHID
    "2001:db8::/32", "3fff::/20",  # documentation
    "2620:4f:8000::/48",  # AS 112
)))  # fmt: skip
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")  # what IDNA takes for a dot
_UNSEEN: Final = frozenset({"Cf", "Cc", "Mn"})  # a soft hyphen, a joiner, a selector
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_public(address: str) -> bool:
    """Say whether an address is on the public internet; what is no address is not."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _PRIVATE_4)
    nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
    inner = ip.ipv4_mapped or ip.sixtofour or nat64
    if inner is not None:
        return is_public(str(inner))
    return ip in _PUBLIC_6 and not any(ip in network for network in _PRIVATE_6)


def private_host(host: str) -> bool:
    """Say whether a host is surely not on the public internet, by its name alone."""
    name = _read(host)
    literal = name.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(literal.partition("%")[0])
    except ValueError:
        pass
    else:
        return not is_public(literal)
    is_number = _NUMBER.fullmatch(name.rpartition(".")[2]) is not None  # 127.1, 0x7f.1, 2130706433
    under = any(name == each or name.endswith(f".{each}") for each in _LOCAL)
    return is_number or under or "." not in name


def _read(host: str) -> str:
    """Read a name as a resolver would (Rule 4)."""
    folded = unicodedata.normalize("NFKC", _DOTS.sub(".", host)).casefold()
    seen = "".join(char for char in folded if unicodedata.category(char) not in _UNSEEN)
    return seen.rstrip(".")
