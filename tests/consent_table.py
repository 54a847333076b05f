"""
The truth table of consent, by brute force from the words of its specification.

Deliberately nothing like the code: it lists every statement that bears on a question and strikes
out. One table, asked of the gateway and of the SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

EVERY = ("y", "n", "p", "u", "dy", "dn", "LI", "CT", "CP", "VI", "PI")
SOME = ("y", "n", "p", "u", "LI")  # one of each sort, where tables multiply
ANY, CHANNEL, ADDRESS = ("any", "any"), ("sms", "any"), ("sms", "a1")
BESIDE = (("email", "any"), ("email", "a1"), ("sms", "a2"))  # about something else
BY_CHANNEL = ("transactional", "marketing", "marketing_night")
FIRST = {  # "Needs first", as the table has it
    "collect": "",
    "profiling": "collect",
    "personalisation": "",
    "transactional": "",
    "marketing": "",
    "marketing_night": "marketing",
    "share": "collect",
    "location_collect": "",
    "location_background": "location_collect",
    "location_precise": "location_collect",
    "location_marketing": "location_collect marketing",
    "location_share": "location_collect share",
}
POLICIES: Mapping[str, tuple[dict[str, list[str]], dict[str, str]]] = {
    "shipped": (
        {"transactional": ["y", "CT", "CP"], "collect": ["y", "CT"], "*": ["y"]},
        {"transactional": "CT"},
    ),
    "open": (
        {"*": ["y", "LI", "dy", "VI"], "marketing": ["y", "PI"], "share": []},
        {"marketing": "y", "collect": "dy", "location_collect": "VI", "share": "LI"},
    ),
    "shut": (
        {},
        {"transactional": "n", "marketing": "dn", "collect": "p", "location_collect": "CT"},
    ),
    # Even a policy that lists them cannot make these allow.
    "absurd": ({"*": ["p", "u", "dn", "n", "CP"]}, {"transactional": "p", "collect": "dn"}),
}

ROWS_MIN = 11  # a purpose that stands alone

Said = dict[tuple[str, str, str], str]  # (purpose, channel, address) -> value
Ruled = Callable[[str, str, Said], bool]  # what one of the two says of policy, purpose, statements


class Row(NamedTuple):
    """A question, what was said before, and whether it is allowed."""

    policy: str
    purpose: str
    said: Said
    allowed: bool


def oracle(said: Said, policy: str, purpose: str) -> bool:
    """Say whether ``purpose`` is allowed by SMS to the address a1."""
    accepts, defaults = POLICIES[policy]
    everything = {purpose}
    while True:  # whoever needs something needs what that needs
        more = everything | {n for p in everything for n in FIRST[p].split()}
        if more == everything:
            break
        everything = more
    for each in everything:
        bearing = [ANY, CHANNEL, ADDRESS] if each in BY_CHANNEL else [ANY]
        values = [said.get((each, *level), "u") for level in bearing]
        if "n" in values:
            return False
        spoken = [value for value in values if value != "u"]
        counts = spoken[-1] if spoken else defaults.get(each, "u")
        if counts in ("n", "p", "u", "dn"):
            return False
        if counts != "y" and counts not in accepts.get(each, accepts.get("*", [])):
            return False
    return True


def _levels(purpose: str, values: tuple[str, ...]) -> Iterator[Said]:
    """Give everything that can be said about one purpose."""
    levels = (ANY, CHANNEL, ADDRESS) if purpose in BY_CHANNEL else (ANY,)
    for each in product(values, repeat=len(levels)):
        yield {
            (purpose, *level): value
            for level, value in zip(levels, each, strict=True)
            if value != "u" or purpose == "marketing"  # said to be unknown, or not said at all
        }


def table(policy: str, purpose: str) -> Iterator[Row]:
    """Give every row: all values on all levels, of the purpose and of what it needs."""
    needed = {purpose, *FIRST[purpose].split()}
    needed |= {more for each in needed for more in FIRST[each].split()}
    multiplies = len(needed & set(BY_CHANNEL)) * 3 + len(needed) > 4
    tables = [list(_levels(each, SOME if multiplies else EVERY)) for each in sorted(needed)]
    for parts in product(*tables):
        said = {key: value for part in parts for key, value in part.items()}
        yield Row(policy, purpose, said, oracle(said, policy, purpose))


def beside(purpose: str) -> Said:
    """Say no to everything that does not bear on the question."""
    others = {p for p in FIRST if p != purpose and p not in FIRST[purpose].split()}
    needed = {n for p in FIRST[purpose].split() for n in FIRST[p].split()}
    levels = (*BESIDE, *(() if purpose in BY_CHANNEL else (CHANNEL, ADDRESS)))
    said = {(purpose, *level): "n" for level in levels}
    return said | {(other, *ANY): "n" for other in others - needed}


def entries(said: Said) -> list[dict[str, Any]]:
    """Write statements by their members' names."""
    return [
        {"purpose": purpose, "value": value, "channel": channel, "address": address}
        for (purpose, channel, address), value in said.items()
    ]


def misread(ruled: Ruled, policy: str, purpose: str) -> list[Row]:
    """Give the rows that ``ruled`` reads differently from the words."""
    rows = list(table(policy, purpose))
    assert len(rows) >= ROWS_MIN
    return [row for row in rows if ruled(row.policy, row.purpose, row.said) is not row.allowed]


def misled(ruled: Ruled, purpose: str) -> list[Row]:
    """Give the rows that a no about something else spoils."""
    rows = [row for row in table("shipped", purpose) if row.allowed]
    assert rows, "nothing that a no could have spoilt"
    return [row for row in rows if not ruled("shipped", purpose, row.said | beside(purpose))]
