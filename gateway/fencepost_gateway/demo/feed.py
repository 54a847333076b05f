"""
Feed: the gateway's decision records as entries for page and terminal.

Rule 1. One entry a message: when it is withheld or deferred, or when its call has ended; the
        checks are those of its newest claim.
Rule 2. Names come from the cast; whoever is not of it goes by the beginning of the person id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fencepost_gateway.app import Gateway
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.words import tell
from fencepost_gateway.demo.cast import cast_of
from fencepost_gateway.demo.state import Check, DemoState, Entry
from fencepost_gateway.ports import RecordRow

PAGE = 500
CAST_MAX = 50
MARKS = {"yes": True, "no ": False}


class Feed:
    """Reads new records, hands them to ``state``."""

    def __init__(self, gateway: Gateway, state: DemoState) -> None:
        self._gateway = gateway
        self._state = state
        self._cursor = 0
        self._fixes = 0
        self._claims: dict[str, RecordRow] = {}
        workspace = gateway.settings.workspace
        self._names = {
            person_id_of_user(workspace, persona.user_id): persona.name
            for persona in cast_of(CAST_MAX)
        }

    async def news(self) -> list[Entry]:
        """Give the entries since the last call; the state has them then."""
        rows = await self._gateway.store.records(self._cursor, PAGE)
        if rows:
            self._cursor = rows[-1].cursor
        fixes = self._gateway.pipeline.fixes
        self._state.count("fixes", fixes - self._fixes)
        self._fixes = fixes
        entries = [entry for row in rows for entry in self._entry(row)]
        for entry in entries:
            self._state.add(entry)
        return entries

    def _entry(self, row: RecordRow) -> Iterable[Entry]:
        body = row.body
        if row.kind == "transition":
            yield self._make(row, "transition", f"{body['kind'].upper()} {self._place(body)}")
        elif row.kind == "step" and body["outcome"] == "not_entered":
            text = f"{_cause(body['cause'])} {body['campaign_id']}"
            checks = _checks(tell(row.kind, body)[1:])
            reason = body["reason"]
            yield self._make(row, "step", text, outcome="not_entered", reason=reason, checks=checks)
        elif row.kind == "claim":
            self._claims[row.subject] = row
            if body["outcome"] != "send":
                yield self._decision(row, body["outcome"], body["reason"], "")
        elif row.kind == "outcome" and row.subject in self._claims:
            claim = self._claims.pop(row.subject)
            yield self._decision(claim, body["state"], body["reason"], body["channel"])

    def _decision(self, claim: RecordRow, outcome: str, reason: str, channel: str) -> Entry:
        body = claim.body
        text = f"{_cause(body['cause'])} {body['campaign_id']}"
        checks = _checks(tell("claim", body)[1:])
        return self._make(
            claim, "decision", text, outcome=outcome, reason=reason, channel=channel, checks=checks
        )

    def _make(self, row: RecordRow, kind: str, text: str, **more: Any) -> Entry:
        name = self._names.get(row.person_id, row.person_id[:6])
        return Entry(id=row.subject, at_ms=row.at_ms, kind=kind, person=name, text=text, **more)

    def _place(self, body: dict[str, Any]) -> str:
        fence = self._gateway.surface.plans.plan.fences.get(body["fence_id"])
        return fence.place_name or fence.name if fence else str(body["fence_id"])


def _cause(cause: str) -> str:
    return f"{cause} →"


def _checks(lines: Iterable[str]) -> tuple[Check, ...]:
    """Read the words of a record back as checks: mark, what was asked, what was found."""
    found = []
    for line in lines:
        text = line.strip()
        ok = MARKS.get(text[:3], True)
        asked, _, detail = text.removeprefix("yes ").removeprefix("no  ").partition(": ")
        found.append(Check(asked.strip(), ok, detail))
    return tuple(found)
