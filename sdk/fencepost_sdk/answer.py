"""
Answer: what came back, read without trust, and what it means.

Pure. A captive portal, a proxy or a broken gateway may answer anything; only a well-formed v1 body
for the stream that was asked about counts as an answer.

Rule 1. 200 and a well-formed body: its verdicts hold. Anything else in the 2xx and 3xx is as no
        network: somebody in between spoke.
Rule 2. 400 ``malformed`` and 413: the batch is at fault, smaller ones may not be.
Rule 3. 408, 429, 5xx, no answer: later; ``Retry-After`` (RFC 9110 section 10.2.3, seconds or date)
        is a lower bound, clamped to 1 s ... 1 h.
Rule 4. Every other 4xx: nothing is deleted, sending stops for a while, and the code says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fencepost_sdk.wire import VERSION, datetime_ms, moment_ms

RETRY_LOW_S = 1.0
RETRY_HIGH_S = 3_600.0
OK = 200
REDIRECTS = 400  # below: not an answer of the gateway
BAD_REQUEST = 400
TIMEOUT = 408
TOO_LARGE = 413
TOO_MANY = 429
SERVER_ERRORS = 500
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FINAL_VERDICTS = frozenset({"accepted", "duplicate", "conflict", "rejected"})


class Reply(NamedTuple):
    """One HTTP answer as the transport saw it."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    etag: str = ""


class Verdict(NamedTuple):
    """The gateway's word on one seq, other than plain ``accepted``."""

    seq: int
    verdict: str
    code: str
    path: str


class Answer(NamedTuple):
    """A well-formed answer to a batch."""

    ack: str
    received_at_ms: int | None
    retry_after_s: float | None
    accepted: tuple[tuple[int, int], ...]
    others: Mapping[int, Verdict]
    hints: Mapping[str, str]

    def of(self, seq: int) -> Verdict | None:
        """Say the verdict of ``seq``; None when there is none."""
        if seq in self.others:
            return self.others[seq]
        if any(low <= seq <= high for low, high in self.accepted):
            return Verdict(seq, "accepted", "", "")
        return None


class Settled(NamedTuple):
    """The gateway ruled, event by event."""

    answer: Answer


class Halve(NamedTuple):
    """The request as a whole was not understood."""

    code: str


class Stopped(NamedTuple):
    """Something only a person can mend; nothing is deleted."""

    code: str


class Later(NamedTuple):
    """Try again after a while, at least ``retry_after_s``."""

    code: str
    retry_after_s: float | None = None


Reaction = Settled | Halve | Stopped | Later


def react(reply: Reply | None, stream: str) -> Reaction:
    """Say what an answer to a batch of ``stream`` means."""
    if reply is None:
        return Later("no_answer")
    if reply.status == OK:
        answer = read_answer(reply.body, stream)
        return Later("not_the_gateway") if answer is None else Settled(answer)
    if reply.status < REDIRECTS:
        return Later("not_the_gateway")
    code = problem_code(reply)
    if reply.status == TOO_LARGE or (reply.status == BAD_REQUEST and code == "malformed"):
        return Halve(code)
    if reply.status in {TIMEOUT, TOO_MANY} or reply.status >= SERVER_ERRORS:
        return Later(code, reply.retry_after_s)
    return Stopped(code)


def problem_code(reply: Reply) -> str:
    """Read the code of a problem document (RFC 9457); the bare status when there is none."""
    problem = _object(reply.body)
    code = problem.get("code") if problem else None
    is_word = isinstance(code, str) and code.replace("_", "").isalnum() and code.isascii()
    return str(code)[:64] if is_word else f"http_{reply.status}"


def read_answer(body: bytes, stream: str) -> Answer | None:
    """Read the answer to a batch of ``stream``; None when it is not one."""
    told = _object(body)
    if told is None or told.get("v") != VERSION or not isinstance(told.get("verdicts"), dict):
        return None
    verdicts = told["verdicts"]
    accepted, others = verdicts.get("accepted"), verdicts.get("others")
    if verdicts.get("stream") != stream or not isinstance(accepted, list):
        return None
    ranges = [_range(each) for each in accepted]
    entries = [_verdict(each) for each in others] if isinstance(others, list) else [None]
    if None in ranges or None in entries:
        return None
    hints = told.get("hints")
    return Answer(
        ack=str(told.get("ack", "")),
        received_at_ms=moment_ms(told.get("received_at")),
        retry_after_s=clamped(told.get("retry_after_s")),
        accepted=tuple(each for each in ranges if each is not None),
        others={each.seq: each for each in entries if each is not None},
        hints={k: str(v) for k, v in hints.items()} if isinstance(hints, dict) else {},
    )


def read_object(body: bytes) -> Mapping[str, Any] | None:
    """Read a JSON object; None when the bytes are anything else."""
    return _object(body)


def retry_after_s(text: str, now_ms: int) -> float | None:
    """Read a ``Retry-After`` header, seconds or IMF-fixdate, as seconds from ``now_ms``."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return clamped(float(text[:9]))
    at_ms = _fixdate_ms(text)
    return None if at_ms is None else clamped((at_ms - now_ms) / 1_000)


def clamped(seconds: object) -> float | None:
    """Bring a wish into 1 s ... 1 h (Rule 3)."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return min(max(float(seconds), RETRY_LOW_S), RETRY_HIGH_S)


def _fixdate_ms(text: str) -> int | None:
    try:
        _, day, month, year, clock, zone = text.split()
        hour, minute, second = (int(part) for part in clock.split(":"))
        at = datetime(
            int(year), MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC
        )
    except ValueError:
        return None
    return datetime_ms(at) if zone == "GMT" else None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _range(value: object) -> tuple[int, int] | None:
    match value:
        case [int() as low, int() as high]:
            return (low, high)
        case _:
            return None


def _verdict(value: object) -> Verdict | None:
    match value:
        case {"seq": int() as seq, "verdict": str() as verdict, **rest}:
            return Verdict(seq, verdict, str(rest.get("code") or ""), str(rest.get("path") or ""))
        case _:
            return None
