"""
Preference form: how choices stand, as a form that works without a script.

Pure. Every switch is a checkbox with a label and a hint of its own, grouped by legends. What it
showed as on goes with it (``shown``), as what is not ticked is not sent; and ``seen``, by which a
form that has grown old is known (``decide.choices``).

Rule 1. What came of the last form stands first, as a status, and takes the focus.
Rule 2. A box is ticked where that is how it stands, and never to suggest it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from msgspec import Struct

from fencepost_gateway.api.page import say
from fencepost_gateway.api.preference_words import (
    ASK_HINTS,
    ASKED,
    ASKS,
    CHANNELS,
    HINTS,
    SWITCHES,
    TEXTS,
    day,
    name_of,
)
from fencepost_gateway.decide.choices import PAUSE, Choice, Standing, Subject, Switch, standings
from fencepost_gateway.decide.consent import is_paused
from fencepost_gateway.decide.spans import local_time, zone_named
from fencepost_gateway.decide.tongue import Language
from fencepost_gateway.intake.addresses import masked
from fencepost_gateway.ports import RequestRow

CONTENT: Final = ("personalisation", "profiling", "share")
LOCATION: Final = (
    "location_collect",
    "location_background",
    "location_precise",
    "location_marketing",
    "location_share",
)
UNDER: Final = ("location_background", "location_precise")  # what is said of the one above


class Told(Struct, frozen=True):
    """What came of the last form; ``is_answer``: there was one."""

    choice: Choice = Choice()
    no_to_all: bool = False
    requested: bool = False
    is_answer: bool = False


class View(Struct, frozen=True):
    """All that the page shows."""

    subject: Subject
    requests: tuple[RequestRow, ...]
    due_ms: int
    brand: str
    zone: str
    told: Told


def title_of(view: View, language: Language) -> str:
    """Give the title: after a form, what came of it stands first."""
    if not view.brand:
        title = say(TEXTS["title"], language)
    else:
        title = say(TEXTS["title_of"], language).format(brand=view.brand)
    if not view.told.is_answer:
        return title
    return f"{next(_answer(view.told, language))} {title}"


def body_of(view: View, language: Language) -> str:
    """Write the page."""
    found = standings(view.subject)
    untold = View(view.subject, view.requests, view.due_ms, view.brand, view.zone, Told())
    parts = [
        f"<h1>{escape(title_of(untold, language))}</h1>",
        f'<p class="who">{escape(say(TEXTS["yours"], language))}</p>',
        *_status(view.told, language),
        '<form method="post">',
        f'<input type="hidden" name="seen" value="{view.subject.seen}">',
        *_shown(view.subject, found),
        *_marketing(view.subject, found, language),
        *_group("content", [s for s in found if s.switch.purpose in CONTENT], language),
        *_location(view.subject, found, language),
        *_service(view.subject, found, language),
        *_data(view, language),
        f'<p class="hint" id="no-hint">{escape(say(TEXTS["no_hint"], language))}</p>',
        '<div class="buttons"><button name="do" value="save">',
        escape(say(TEXTS["save"], language)),
        '</button><button name="do" value="none" class="plain" aria-describedby="no-hint">',
        escape(say(TEXTS["no_to_all"], language)),
        "</button></div></form>",
    ]
    return "".join(parts)


def _status(told: Told, language: Language) -> Iterator[str]:
    if not told.is_answer:
        return
    lines = "".join(f"<p>{escape(line)}</p>" for line in _answer(told, language))
    yield f'<div class="status" role="status" tabindex="-1" autofocus>{lines}</div>'


def _answer(told: Told, language: Language) -> Iterator[str]:
    """Say what came of a form, the gist of it first."""
    choice = told.choice
    if told.no_to_all:
        yield say(TEXTS["all_off"], language)
    elif choice.entries or told.requested:
        yield say(TEXTS["saved"], language)
    else:
        yield say(TEXTS["unchanged"], language)
    for what in ("off", "off_with", "on", "asked", "lacking", "outdated"):
        names = getattr(choice, what)
        if names and not (told.no_to_all and what in {"off", "off_with"}):
            yield say(TEXTS[what], language).format(what=_named(names, language))
    if choice.paused is not None:
        yield say(TEXTS["paused" if choice.paused else "resumed"], language)


def _named(names: Iterable[str], language: Language) -> str:
    switches = [Switch(*name.split(".", 1)) if "." in name else Switch(name) for name in names]
    return "; ".join(name_of(each, language) for each in switches)


def _shown(subject: Subject, found: Sequence[Standing]) -> Iterator[str]:
    names = [one.switch.name for one in found if one.on]
    for name in (*names, *([PAUSE] if is_paused(subject.entries) else [])):
        yield f'<input type="hidden" name="shown" value="{escape(name)}">'


def _marketing(subject: Subject, found: Sequence[Standing], language: Language) -> Iterator[str]:
    """Write a row for each channel, and under it that for the night."""
    wanted = [one for one in found if one.switch.purpose == "marketing"]
    night = {o.switch.channel: o for o in found if o.switch.purpose == "marketing_night"}
    if not wanted:
        return
    rows = []
    for one in wanted:
        channel = one.switch.channel
        label = _reached(subject, channel, language)
        rows.append(_row(one.switch.name, label, one.on, _notes(subject, one, language)))
        if channel in night:
            at_night = night[channel]
            label = say(SWITCHES["marketing_night"], language)
            notes = _notes(subject, at_night, language)
            rows.append(_row(at_night.switch.name, label, at_night.on, notes, of=one.switch.name))
    hints = [HINTS["marketing"], *([HINTS["marketing_night"]] if night else [])]
    text = "<br>".join(escape(say(each, language)) for each in hints)
    hint = f'<p class="hint" id="h-marketing">{text}</p>'
    legend = escape(say(TEXTS["marketing"], language))
    yield f'<fieldset aria-describedby="h-marketing"><legend>{legend}</legend>{hint}'
    yield "".join(rows) + "</fieldset>"


def _group(title: str, found: Sequence[Standing], language: Language) -> Iterator[str]:
    if not found:
        return
    yield f"<fieldset><legend>{escape(say(TEXTS[title], language))}</legend>"
    for one in found:
        label = say(SWITCHES[one.switch.purpose], language)
        above = "location_collect.any" if one.switch.purpose in UNDER else ""
        hint = [say(HINTS[one.switch.purpose], language)]
        yield _row(one.switch.name, label, one.on, hint, of=above)
    if title != "location":
        yield "</fieldset>"


def _location(subject: Subject, found: Sequence[Standing], language: Language) -> Iterator[str]:
    """Write what is allowed of the location, and the pause where there is something to pause."""
    rows = [one for one in found if one.switch.purpose in LOCATION]
    if not rows:
        return
    yield from _group("location", rows, language)
    paused = is_paused(subject.entries)
    if paused or any(one.on for one in rows):
        hint = [say(HINTS[PAUSE], language)]
        yield _row(PAUSE, say(SWITCHES[PAUSE], language), paused, hint)
    yield "</fieldset>"


def _service(subject: Subject, found: Sequence[Standing], language: Language) -> Iterator[str]:
    """Explain service messages; where the policy asks for consent to them, they are switches."""
    switches = [one for one in found if one.switch.purpose == "transactional"]
    title = escape(say(TEXTS["service"], language))
    if not switches:
        text = escape(say(TEXTS["service_fixed"], language))
        yield f'<section><h2>{title}</h2><p class="hint">{text}</p></section>'
        return
    hint = escape(say(HINTS["transactional"], language))
    yield f'<fieldset><legend>{title}</legend><p class="hint">{hint}</p>'
    for one in switches:
        label = _reached(subject, one.switch.channel, language)
        yield _row(one.switch.name, label, one.on, _notes(subject, one, language))
    yield "</fieldset>"


def _data(view: View, language: Language) -> Iterator[str]:
    """Write what may be asked for, and what was."""
    yield f"<fieldset><legend>{escape(say(TEXTS['data'], language))}</legend>"
    asked = {row.kind: row for row in reversed(view.requests)}
    for kind, label in ASKS.items():
        row = asked.get(kind)
        if row is None:
            hint = say(ASK_HINTS[kind], language).format(due=_day(view.due_ms, view.zone, language))
            yield _row(kind, say(label, language), False, [hint], field="ask")  # noqa: FBT003 - not ticked
            continue
        when = {
            "asked": _day(row.asked_ms, view.zone, language),
            "due": _day(row.due_ms, view.zone, language),
        }
        yield f'<p class="asked">{escape(say(ASKED[kind], language).format(**when))}</p>'
    yield "</fieldset>"


def _row(
    name: str,
    label: str,
    on: bool,  # noqa: FBT001 - of a row it is the value
    notes: Sequence[str],
    *,
    of: str = "",
    field: str = "on",
) -> str:
    """Write a box with its label; one ``of`` another is read out with what that is called."""
    identity = f"{field}-{name}".replace(".", "-")
    above = f"on-{of}".replace(".", "-") if of else ""
    described = f' aria-describedby="h-{identity}"' if notes else ""
    labelled = f' aria-labelledby="l-{above} l-{identity}"' if of else ""
    hint = f'<p class="hint" id="h-{identity}">{escape(" ".join(notes))}</p>' if notes else ""
    return (
        f'<div class="row{" sub" if of else ""}"><input type="checkbox" id="{identity}" '
        f'name="{field}" value="{escape(name)}"{" checked" if on else ""}{described}{labelled}>'
        f'<label for="{identity}" id="l-{identity}">{escape(label)}</label>{hint}</div>'
    )


def _notes(subject: Subject, one: Standing, language: Language) -> list[str]:
    """Say of a switch what its box does not: addresses left out, an answer that is awaited."""
    notes = []
    if one.but:
        shown = [masked(a.channel, a.raw) for a in subject.addresses if a.ref in one.but]
        named = ", ".join(dict.fromkeys(filter(None, shown)))
        if named:
            notes.append(say(TEXTS["not_to"], language).format(addresses=named))
    if one.waits:
        notes.append(say(TEXTS["waits"], language))
    return notes


def _reached(subject: Subject, channel: str, language: Language) -> str:
    """Name a channel, with the addresses on it."""
    shown = [masked(channel, a.raw) for a in subject.addresses if a.channel == channel]
    named = ", ".join(dict.fromkeys(filter(None, shown)))
    label = say(CHANNELS[channel], language)
    return f"{label} ({named})" if named else label


def _day(at_ms: int, zone_name: str, language: Language) -> str:
    zone = zone_named(zone_name)
    at = local_time(at_ms, zone) if zone else datetime.fromtimestamp(at_ms / 1000, UTC)
    return day(at.year, at.month, at.day, language)
