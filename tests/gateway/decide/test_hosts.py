"""Which hosts are public: every spelling of a private one, and the public ones beside them."""

from __future__ import annotations

import ipaddress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.hosts import is_public, private_host

PRIVATE: Final = (
    "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "①②⑦.0.0.1", "[::1]",
    "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]", "[fec0::1]",
    "224.0.0.1", "localhost.", "169.254.169.254", "100.100.100.200", "metadata.google.internal",
    "LOCALHOST", "a.localhost", "localhost..", "loc\u00adalhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "printer.local",
    "127。0。0。1", "127\uff0e0\uff0e0\uff0e1", "１２７.0.0.1",  # noqa: RUF001 - as they would be written
    "0x7f000001", "0X7F.0x1", "a.0x7f", "0",
    "", ".", "intranet", "::1", "fe80::1%eth0",
)  # fmt: skip
# Some of these the standard library calls global, in one version or another.
ADDRESSES: Final = (
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.255.255.255", "172.16.0.1", "172.31.255.255",  # noqa: S104 - refused
    "192.0.0.8", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1",
    "192.175.48.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:0",
    "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:0:808:808::1", "2001:2::1",
    "2001:20::1", "2001:db8::1", "2002:a00:1::1", "2620:4f:8000::1", "3fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip
PUBLIC: Final = (
    "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1",
    "223.255.255.255", "2606:4700::1111", "2a00:1450:4001:80f::200a", "::ffff:8.8.8.8",
    "64:ff9b::808:808", "2002:808:808::1", "2400:cb00::1", "3ffe::1",
)  # fmt: skip


@pytest.mark.bad_input(97)
@pytest.mark.parametrize("host", PRIVATE)
def test_host_that_leads_home_is_private(host: str) -> None:
    """However it is written."""
    assert private_host(host)


@pytest.mark.bad_input(97)
@pytest.mark.parametrize("address", ADDRESSES)
def test_address_in_the_table_is_not_public(address: str) -> None:
    """Written plainly or as a host."""
    assert not is_public(address)
    assert private_host(address)
    assert private_host(f"[{address}]")


@pytest.mark.parametrize("address", PUBLIC)
def test_address_beside_the_table_is_public(address: str) -> None:
    """The table refuses no more than it says."""
    assert is_public(address)
    assert not private_host(address)


@pytest.mark.parametrize(
    "host", ["example.com", "EXAMPLE.com.", "xn--bcher-kva.example", "bücher.example", "1.1.1.1.",
             "local.example.com", "a1.b2", "0x7f.com"],
)  # fmt: skip
def test_name_that_others_have_is_not_private(host: str) -> None:
    """A name is refused for what it says, not for what it might lead to."""
    assert not private_host(host)


@given(st.integers(0, 2**32 - 1))
def test_what_the_registries_call_private_we_do_too(number: int) -> None:
    """The table is no looser than the standard library for any IPv4 address, mapped ones too."""
    plain = ipaddress.IPv4Address(number)
    mapped = f"::ffff:{plain}"

    assert is_public(str(plain)) == is_public(mapped)
    assert not is_public(str(plain)) or plain.is_global


@given(st.integers(0, 2**128 - 1))
def test_what_the_registries_call_private_we_do_too_in_ipv6(number: int) -> None:
    """As above; and outside 2000::/3 there is nothing but what stands for an IPv4 address."""
    found = ipaddress.IPv6Address(number)

    assert not is_public(str(found)) or found.is_global
