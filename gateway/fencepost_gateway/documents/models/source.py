"""Source: another system that journeys ask for a value, or tell."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from fencepost_gateway.documents.models.base import Authored, Id, Name, Shape, refuse

URL_MAX: Final = 2_000
_LOCAL: Final = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "test",
    "invalid",
)


def private_host(host: str) -> bool:
    """
    Say whether a host is surely not on the public internet, by its name alone.

    Whoever calls it asks again, of the address that the name then has.
    """
    name = host.rstrip(".").lower()
    try:
        return not ipaddress.ip_address(name.partition("%")[0]).is_global
    except ValueError:
        pass
    is_number = name.rpartition(".")[2].isdecimal() or name.startswith("0x")  # 127.1, 2130706433
    under = any(name == each or name.endswith(f".{each}") for each in _LOCAL)
    return is_number or under or "." not in name


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme != "https" or not host or port == 0 or not text.isascii() or " " in text:
        refuse("no address to call", "write https://HOST/PATH")
    if parts.username is not None or parts.password is not None or parts.fragment:
        refuse("an address with a password or a fragment", "put secrets into headers")
    if private_host(host):
        refuse("this host is not on the public internet", "name a public one")
    return text


Url = Annotated[
    str, Field(max_length=URL_MAX), AfterValidator(_url), Shape("https address of a public host")
]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Source(Authored):
    """Where to ask, how long an answer holds, and how long to wait for one."""

    kind: Literal["source"]
    id: Id = Field(description="Unique among sources.")
    name: Name = Field(default="", description="For people.")
    url: Url = Field(description="Called by GET for a value, by POST for a webhook.")
    ttl_s: int = Field(
        default=60, ge=0, le=86_400, description="An answer is used again for so many seconds."
    )
    timeout_s: int | float = Field(
        default=5, ge=0.1, le=30, description="Longer than this, and the step goes on by `error`."
    )
    headers: dict[HeaderName, SecretName] = Field(
        default={},
        max_length=20,
        description="Secret by header: `{Authorization: weather_key}`. Documents hold no secrets: "
        "the operator sets them by these names.",
    )
