"""
Journey words: the answers of ``/v1/journeys`` for a terminal of 100 columns.

Pure. Steps that nobody came by are left out where others were, so that a journey of two hundred
steps can be read; reasons and ends are said as decision records say them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fencepost_gateway.decide.journey_words import ENDS
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.reports.goal_words import tell_goals
from fencepost_gateway.reports.lines import length, paragraph
from fencepost_gateway.reports.stuck_words import tell_stuck

LEFT_OUT: Final = "steps that nobody came by are left out: --json shows all"
STOPPED: Final = "all marketing is stopped by the emergency stop"


def tell_journeys(answer: Mapping[str, Any]) -> Iterator[str]:
    """Say how every journey and campaign stands, a line each."""
    if answer["emergency_stop"]:
        yield STOPPED
    for row in answer["journeys"]:
        facts = [f"{row['kind']} v{row['version']}", row["state"], f"{row['came']} entered"]
        if row["kind"] == "journey":
            facts += [f"{row['waiting']} in it", f"{sum(row['ended'].values())} left"]
        facts += [f"{row['overdue']} overdue"] if row["overdue"] else []
        facts += [f"{row['messages_held']} messages held"] if row["messages_held"] else []
        yield f"{row['id']}: {', '.join(facts)}"
    if not answer["journeys"]:
        yield "no journey or campaign is live"


def tell_journey(answer: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say where people are in one journey."""
    version = f" v{answer['version']}" if answer["version"] else ""
    state = answer["state"] + (f" ({answer['mode']})" if answer["mode"] else "")
    yield f"{answer['id']}: {answer['kind']}{version}, {state}"
    facts = [f"{answer['came']} entered"]
    if answer["kind"] == "journey":
        facts += [f"{answer['waiting']} in it", f"{sum(answer['ended'].values())} left"]
    facts += [f"{answer['held']} stand before a step"] if answer["held"] else []
    facts += [f"{answer['messages_held']} messages held"] if answer["messages_held"] else []
    yield from paragraph("; ".join(facts), "  ")
    if answer["kept_out"]:
        yield from paragraph(f"kept out: {_listed(answer['kept_out'])}", "  ")
    for outcome, count in answer["ended"].items():
        why = tongue.say(ENDS[outcome]) if outcome in ENDS else outcome
        yield f"  {tongue.count(count)} left: {why}"
    if answer["goals"] or answer["state"] != "archived":
        yield from tell_goals(answer["goals"], tongue)
    yield from _steps(answer["steps"])
    yield from _stages(answer["stages"])
    yield from tell_stuck(answer, tongue)
    for act in answer["acts"]:
        note = f": {act['note']}" if act["note"] else ""
        detail = f" ({act['detail']})" if act["detail"] else ""
        yield f"{act['at']} {act['by']}: {act['action']}{detail}{note}"


def _steps(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen = [row for row in rows if row["came"] or row["waiting"] or row["ended"] or row["went"]]
    if not rows:
        return
    if not seen:
        yield "  nobody has come to a step yet"
        return
    width = max(len(_named(row)) for row in seen)
    yield f"  {'step':<{width}} {'came':>8} {'waiting':>8} {'went on':>8} {'ended':>8}"
    for row in seen:
        went, ended = sum(row["went"].values()), sum(row["ended"].values())
        figures = f"{row['came']:>8} {row['waiting']:>8} {went:>8} {ended:>8}"
        yield f"  {_named(row):<{width}} {figures}"
        more = [f"by {way}: {n}" for way, n in row["went"].items() if way]
        more += [f"{outcome}: {n}" for outcome, n in row["ended"].items()]
        more += [f"{row['held']} held by a pause"] if row["held"] else []
        if row["waits_p95_ms"] is not None:
            more.append(f"19 of 20 wait {length(row['waits_p95_ms'] // 1000)} at most by now")
        if row["overdue"]:
            by = length((row["overdue_p95_ms"] or 0) // 1000)
            more.append(f"STUCK: {row['overdue']} overdue, 19 of 20 by {by} at most")
        yield from paragraph("; ".join(more), "      ") if more else ()
    if len(seen) < len(rows):
        yield f"  ({LEFT_OUT})"


def _stages(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        ended = f", ended: {_listed(row['ended'])}" if row["ended"] else ""
        yield (
            f"  stage {row['stage']} (v{row['version']}): {row['came']} came, "
            f"{row['waiting']} in it, {row['went']} went on{ended}"
        )


def _named(row: Mapping[str, Any]) -> str:
    return f"v{row['version']} {row['step']}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
