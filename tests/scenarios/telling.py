"""Telling: records of a story put into lines, and what is looked up in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fencepost_gateway.ports import RecordRow
from scenarios.ways import ms, text

CROSSED_WITHIN_MS = 60_000
TOLD_WITHIN_MS = 120_000


def words(content: object) -> str:
    """Put the content of a message into one text."""
    members = getattr(content, "__slots__", None) or vars(content)
    return " | ".join(str(getattr(content, name)) for name in members if getattr(content, name))


def line(row: RecordRow) -> str:
    """Say a record, without whose it is."""
    body = row.body
    match row.kind:
        case "claim":
            where = "/".join(filter(None, (body["campaign_id"], body.get("step_id", ""))))
            return f"{where} {_verdict(body)}"
        case "step":
            parts = [body["campaign_id"], body["step_id"], body["outcome"]]
            parts.append(body["reason"] or body["way"])
            return " ".join(part for part in parts if part)
        case "transition":
            more = [name for name in ("initial", "superseded", "late") if body.get(name)]
            if body.get("active") is False:
                more.append("inactive")
            return " ".join([str(body["kind"]).upper(), body["fence_id"], *more])
        case "audience":
            return f"{body['on']} {body['audience_id']}"
        case _:
            return f"{row.kind} {body.get('state', '')}".strip()


def _verdict(body: Mapping[str, Any]) -> str:
    if body["outcome"] == "send":
        return f"SENT {body['channel']}"
    if body["outcome"] == "withheld":
        return f"WITHHELD {body['reason']}"
    refused = next(check for check in body["checks"] if not check["ok"])
    until_ms = refused["inputs"].get("next_ms") or body["retry_at_ms"]
    return f"DEFERRED {text(until_ms)}"


def check_crossing(row: RecordRow, kind: str, wanted: str) -> None:
    """Assert that a boundary was crossed within a minute of the truth, and soon on record."""
    assert row.body["kind"] == kind
    assert abs(row.body["crossed_at_ms"] - ms(wanted)) <= CROSSED_WITHIN_MS
    assert row.at_ms <= ms(wanted) + TOLD_WITHIN_MS


def check_of(row: RecordRow, gate: str) -> dict[str, Any]:
    """Give what a claim says of one gate, the last time it was asked."""
    found: dict[str, Any] = [c for c in row.body["checks"] if c["gate"] == gate][-1]
    return found
