"""
Page: a simulation as one HTML file: the map of the way beside the timeline.

Pure. It loads nothing, runs nothing, and says so to the browser (a policy in its head): it may be
mailed or kept with the documents. Light and dark follow the reader's own choice.

Rule 1. Every text is escaped: attributes, names and messages are what somebody typed.
Rule 2. What the map shows stands in the timeline in words as well; a pin and its entry share a
        number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any, Final

import msgspec

from fencepost_channels.message import Content
from fencepost_gateway.decide.phrases import MARKS
from fencepost_gateway.decide.tongue import Said, Tongue
from fencepost_gateway.lab import sketch
from fencepost_gateway.lab.simulate import Simulated, Told
from fencepost_gateway.lab.timeline import PHRASES, SUMS, clock, consent_line, said, sums
from fencepost_gateway.lab.tracks import TrackPoint

LONG_MS: Final = 600_000  # a pause worth a line of its own
WORDS: Final[dict[str, Said]] = {
    "title": Said("Simulation", "시뮬레이션"),
    "map": Said("Map of the way", "이동 경로 지도"),
    "map_told": Said(
        "The way of {user} with the fences around it; what happened there is told in the timeline "
        "by the same numbers.",
        "{user:이/가} 이동한 경로와 주변 펜스입니다. 번호는 타임라인의 번호와 같습니다.",
    ),
    "timeline": Said("Timeline", "타임라인"),
    "checks": Said("What was looked at", "확인한 내용"),
    "later": Said("{span} later", "{span} 뒤"),
    "act": Said("person", "사용자"),
    "transition": Said("place", "장소"),
    "step": Said("step", "단계"),
    "claim": Said("decision", "판정"),
    "outcome": Said("message", "메시지"),
    "audience": Said("audience", "오디언스"),
    "begin": Said("start", "출발"),
    "finish": Said("end", "도착"),
}
TEXTS: Final = ("title", "subject", "body", "text")


def page(simulated: Simulated, tongue: Tongue) -> str:
    """Write the page."""
    scenario = simulated.scenario
    title = escape(scenario.name or scenario.id)
    style = files("fencepost_gateway.lab").joinpath("page.css").read_text("utf-8")
    head = (
        f'<!doctype html><html lang="{tongue.language}"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{style}</style></head><body>"
    )
    shown = _map(simulated, tongue)
    kind = "with-map" if shown else "no-map"
    parts = [
        head,
        "<header>",
        *_head(simulated, tongue),
        f'</header><main class="{kind}">',
        shown,
        *_timeline(simulated, tongue),
        "</main></body></html>\n",
    ]
    return "".join(parts)


def _head(simulated: Simulated, tongue: Tongue) -> Iterator[str]:
    scenario, say = simulated.scenario, tongue.say
    title = escape(scenario.name or scenario.id)
    yield f'<p class="what">{say(WORDS["title"])}</p><h1>{title}</h1>'
    who = f"{scenario.person.user_id} · {tongue.moment(simulated.start_ms)}"
    yield f"<p>{escape(who)}</p><ul class='sums'>"
    for name, count in sums(simulated).items():
        zero = "" if count else " zero"
        yield f'<li class="{name}{zero}"><b>{count}</b> {say(SUMS[name])}</li>'
    yield f"</ul><p class='note'>{escape(consent_line(simulated, tongue))}<br>"
    yield f"{say(PHRASES['predicted'])}</p>"


def _map(simulated: Simulated, tongue: Tongue) -> str:
    points = simulated.points
    if not points:
        return ""
    view = sketch.view_of([(point.lat, point.lon) for point in points])
    touched = {
        str(told.body["fence_id"]) for told in simulated.timeline if told.kind == "transition"
    }
    pins = sketch.pins_at(_spots(simulated), view)
    told = escape(tongue.say(WORDS["map_told"], user=simulated.scenario.person.user_id))
    drawing = [
        *sketch.drawn_fences(simulated.fences, view, touched),
        *sketch.drawn_way(points, view),
        *sketch.drawn_pins(pins),
        sketch.drawn_scale(view),
    ]
    title = tongue.say(WORDS["map"])
    return (
        f'<section class="map" aria-labelledby="map"><h2 id="map">{title}</h2>'
        f'<svg viewBox="0 0 {sketch.WIDTH_PX:.0f} {view.height_px:.0f}" role="group" '
        f'aria-label="{told}">{"".join(drawing)}</svg>'
        f'<p class="legend"><span class="dot begin"></span>{tongue.say(WORDS["begin"])} '
        f'<span class="dot finish"></span>{tongue.say(WORDS["finish"])}</p></section>'
    )


def _spots(simulated: Simulated) -> Iterator[tuple[int, TrackPoint]]:
    """Give where the entries happened that came while somebody was on the way."""
    points = simulated.points
    times = [point.at_ms for point in points]
    for number, told in enumerate(simulated.timeline, 1):
        newest = bisect_right(times, told.at_ms) - 1
        is_on_the_way = times[0] <= told.at_ms <= times[-1]
        if is_on_the_way and (told.kind == "transition" or told.content is not None):
            yield number, points[newest]


def _timeline(simulated: Simulated, tongue: Tongue) -> Iterator[str]:
    title = tongue.say(WORDS["timeline"])
    yield f'<section aria-labelledby="line"><h2 id="line">{title}</h2><ol class="line">'
    before_ms, day = simulated.start_ms, ""
    for number, told in enumerate(simulated.timeline, 1):
        at = clock(told.at_ms, tongue)
        if told.at_ms - before_ms >= LONG_MS:
            span = tongue.span(told.at_ms - before_ms)
            yield f'<li class="gap">{escape(tongue.say(WORDS["later"], span=span))}</li>'
        if at[:10] != day:
            day = at[:10]
            yield f'<li class="day">{day}</li>'
        yield _entry(number, told, at[11:], tongue)
        before_ms = told.at_ms
    yield "</ol>"
    for name in simulated.missed:
        yield f'<p class="missed">{escape(name)}: {tongue.say(PHRASES["missed"])}</p>'
    if not simulated.timeline:
        yield f"<p>{tongue.say(PHRASES['nothing'])}</p>"
    yield "</section>"


def _entry(number: int, told: Told, at: str, tongue: Tongue) -> str:
    first, *more = said(told, tongue)
    kind = f"{told.kind} {told.body.get('outcome', told.body.get('kind', ''))}".strip()
    looked_at = "".join(
        f'<li class="{_mark(line, tongue)}">{escape(line.strip())}</li>' for line in more
    )
    title, what = tongue.say(WORDS["checks"]), tongue.say(WORDS.get(told.kind, WORDS["step"]))
    below = f"<details><summary>{title}</summary><ul>{looked_at}</ul></details>" if more else ""
    return (
        f'<li id="e{number}" class="entry {escape(kind)}"><span class="number">{number}</span>'
        f'<time>{at}</time><span class="kind">{what}</span>'
        f'<div class="told"><p>{escape(first)}</p>{_preview(told.content)}{below}</div></li>'
    )


def _mark(line: str, tongue: Tongue) -> str:
    return "no" if line.strip().startswith(tongue.say(MARKS[False]).strip()) else "yes"


def _preview(content: Content | None) -> str:
    """Show what the message says."""
    if content is None:
        return ""
    plain: dict[str, Any] = msgspec.to_builtins(content)
    texts = [str(plain[name]) for name in TEXTS if plain.get(name)]
    buttons = "".join(f"<i>{escape(str(each['text']))}</i>" for each in plain.get("buttons", ()))
    words = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f"<blockquote>{words}{f'<p>{buttons}</p>' if buttons else ''}</blockquote>"
