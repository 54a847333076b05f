"""Source: another system that journeys ask for a value, or tell."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from fencepost_gateway.decide.calls import PLACE
from fencepost_gateway.decide.hosts import private_host
from fencepost_gateway.documents.models.base import Authored, Id, Name, Shape, refuse

URL_MAX: Final = 2_000


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
    if "{" in parts.netloc:
        refuse("who is called would hang on a value", "write the host out; {…} may stand after it")
    if "{" in PLACE.sub("", text) or "}" in PLACE.sub("", text):
        refuse("{…} without a value", "write {event.NAME}, {person.NAME} or {value.NAME}")
    if private_host(host):
        refuse("this host is not on the public internet", "name a public one")
    return text


Url = Annotated[
    str, Field(max_length=URL_MAX), AfterValidator(_url), Shape("https address of a public host")
]
_OURS: Final = ("accept", "connection", "content-", "expect", "host", "idempotency-key", "te",
                "trailer", "transfer-encoding", "upgrade", "user-agent", "webhook-")  # fmt: skip


def _header(text: str) -> str:
    name = text.lower()
    if any(name == ours or (ours.endswith("-") and name.startswith(ours)) for ours in _OURS):
        refuse(f"{text} is written by the gateway", "name another header, such as Authorization")
    return text


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$"), AfterValidator(_header)]
SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Source(Authored):
    """Where to ask, how long an answer holds, and how long to wait for one."""

    kind: Literal["source"]
    id: Id = Field(description="Unique among sources.")
    name: Name = Field(default="", description="For people.")
    url: Url = Field(
        description="Called by GET for a value, by POST for a webhook. `{event.NAME}`, "
        "`{person.NAME}` and `{value.NAME}` after the host are filled in."
    )
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
    sign: list[SecretName] = Field(
        default=[],
        max_length=2,
        description="Secrets by which webhooks are signed, the newest first: two while one takes "
        "the place of the other.",
    )
