"""
Lists: the addresses that must not be used, and those that alone may be.

Rule 1. An address is looked at once, here, and kept as its keyed hash (``ref``): what is listed can
        be recognised and never read. So an export has no addresses, and imports again as it is.
Rule 2. An import is a CSV with a header: ``channel`` and ``address`` or ``ref``; ``reason`` if you
        like. Every row gets its verdict; good rows are taken, bad ones named by line. The same file
        again changes nothing, and what is listed already keeps its reason.
Rule 3. Import and add never take anybody off a list. ``stop`` and ``complaint`` were said by the
        person, so they are not the operator's to take off: only the person's own new consent ends
        them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Final

import structlog
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, moment, query_int
from fencepost_gateway.decide.message import ListedAddress, ListName
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.addresses import address_ref, raw_of
from fencepost_gateway.intake.refusals import SAID_BY_PERSON

PAGE: Final = 1_000
ROWS_MAX: Final = 100_000
BODY_MAX_BYTES: Final = 16 << 20  # as many rows with addresses of the usual length
TEXT_MAX: Final = 64
LISTS: Final[tuple[ListName, ...]] = ("suppression", "allow")

_FORMS: Final = {  # roughly: enough to find a wrong column; in-app has no address of its own
    "sms": re.compile(r"\+[0-9 ().-]{5,24}"),
    "email": re.compile(r"[^\s@]+@[^\s@]+"),
    "web_push": re.compile(r"https://\S+"),
    "push": re.compile(r"[A-Za-z0-9:_-]{16,4096}"),
    "webhook": re.compile(r"[^\x00-\x1f\x7f]{1,128}"),
}
_REF = re.compile(r"[a-z2-7]{32}")

log = structlog.get_logger()


class ListRequest(Struct):
    """One address for a list, raw or by its reference."""

    channel: str
    address: str = ""
    ref: str = ""
    reason: str = "manual"


class ListImport(Struct):
    """A CSV of addresses for a list; ``source`` says where it came from."""

    text: str
    source: str = "import"


class BadRow(Struct, frozen=True):
    """One row that cannot be taken: which, what is wrong, how to mend it."""

    line: int
    what: str
    how: str


async def get_list(request: web.Request) -> web.Response:
    """Give a page of a list."""
    which = _which(request)
    after = request.query.get("after", "").partition(" ")
    limit = query_int(request, "limit", PAGE, PAGE)
    found = await request.app[SURFACE].store.lists.page(which, (after[0], after[2]), limit)
    following = f"{found[-1].channel} {found[-1].ref}" if len(found) == limit and found else None
    return as_json({"entries": [_shown(each) for each in found], "next": following})


async def post_list(request: web.Request) -> web.Response:
    """Put one address on a list; in force with the next claim."""
    surface, which = request.app[SURFACE], _which(request)
    wish = await decode(request, ListRequest)
    row = {"channel": wish.channel, "address": wish.address, "ref": wish.ref}
    entry = _entry(surface, row | {"reason": wish.reason}, 0, "operator")
    if isinstance(entry, BadRow):
        raise ApiError("malformed", f"{entry.what}; {entry.how}")
    is_new = (await surface.store.lists.put(which, [entry]))[0]
    return as_json({"ref": entry.ref, "new": is_new})


async def delete_list(request: web.Request) -> web.Response:
    """Take one address off a list, by channel and reference or address."""
    surface, which = request.app[SURFACE], _which(request)
    wish = await decode(request, ListRequest)
    row = {"channel": wish.channel, "address": wish.address, "ref": wish.ref}
    entry = _entry(surface, row, 0, "operator")
    if isinstance(entry, BadRow):
        raise ApiError("malformed", f"{entry.what}; {entry.how}")
    if await _said_by_person(surface, which, entry):
        raise ApiError("listed_by_person")
    if not await surface.store.lists.drop(which, entry.channel, entry.ref):
        raise ApiError("not_found")
    log.info("lists.removed", list=which, channel=entry.channel, ref=entry.ref)
    return as_json({"ref": entry.ref})


async def post_list_import(request: web.Request) -> web.Response:
    """Put the addresses of a CSV on a list, with a verdict for each bad row."""
    surface, which = request.app[SURFACE], _which(request)
    wish = await decode(request, ListImport, BODY_MAX_BYTES)
    good: list[ListedAddress] = []
    bad: list[BadRow] = []
    for line, row in _rows(wish.text):
        entry = _entry(surface, row, line, wish.source[:TEXT_MAX])
        if isinstance(entry, BadRow):
            bad.append(entry)
        else:
            good.append(entry)
    added = 0
    for start in range(0, len(good), PAGE):
        added += sum(await surface.store.lists.put(which, good[start : start + PAGE]))
    log.info("lists.imported", list=which, added=added, bad=len(bad))
    known = len(good) - added
    return as_json({"rows": len(good) + len(bad), "added": added, "known": known, "bad": bad})


async def _said_by_person(surface: Surface, which: ListName, entry: ListedAddress) -> bool:
    """Say whether the person put this address there (Rule 3)."""
    if which != "suppression":
        return False
    before = (entry.channel, entry.ref[:-1])  # the page begins right behind it
    found = await surface.store.lists.page(which, before, 1)
    return any(each.ref == entry.ref and each.reason in SAID_BY_PERSON for each in found)


def _which(request: web.Request) -> ListName:
    asked = request.match_info["list"]
    for name in LISTS:
        if name == asked:
            return name
    raise ApiError("not_found")


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV with a header; each row with the line it ends on."""
    reader = csv.DictReader(io.StringIO(text))
    names = set(reader.fieldnames or ())
    if "channel" not in names or not names & {"address", "ref"}:
        raise ApiError("malformed", "the first line must name channel, and address or ref", "text")
    for count, row in enumerate(reader, 1):
        if count > ROWS_MAX:
            raise ApiError("too_large", f"at most {ROWS_MAX} rows", "text")
        yield reader.line_num, {k: v or "" for k, v in row.items() if isinstance(k, str)}


def _entry(surface: Surface, row: dict[str, str], line: int, source: str) -> ListedAddress | BadRow:
    channel = row.get("channel", "").strip()
    address, ref = row.get("address", "").strip(), row.get("ref", "").strip()
    if channel not in _FORMS:
        return BadRow(line, "no such channel", "write push, web_push, sms, email or webhook")
    if bool(address) == bool(ref):
        return BadRow(line, "an address or a reference, one of them", "fill in one column")
    if ref and not _REF.fullmatch(ref):
        return BadRow(line, "no reference", "use what an export gave, or the address itself")
    if address:
        raw = raw_of(channel, address)
        if not _FORMS[channel].fullmatch(address):
            how = "write +8210… for sms, name@example.org for email, https://… for web_push,"
            how += " the token for push, the target for webhook"
            return BadRow(line, f"no address of {channel}", how)
        ref = address_ref(surface.credentials.seed, channel, raw)
    reason = row.get("reason", "").strip()[:TEXT_MAX] or "manual"
    return ListedAddress(channel, ref, reason, surface.clock.now_ms(), source)


def _shown(entry: ListedAddress) -> dict[str, Any]:
    return {
        "channel": entry.channel,
        "ref": entry.ref,
        "reason": entry.reason,
        "source": entry.source,
        "since": moment(entry.since_ms),
    }
