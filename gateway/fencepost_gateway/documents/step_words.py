"""
Step words: what a step, an entry or a way says in a picture.

Pure. Short, in the words its author used; a rule that is long is cut, the document has it all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fencepost_gateway.documents.models.awaited import Happening, Reaction
from fencepost_gateway.documents.models.campaign import Message
from fencepost_gateway.documents.models.entry import Entry, Limits
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.selector import FenceSelector
from fencepost_gateway.documents.models.step import Step
from fencepost_gateway.documents.models.wait import UntilDate, Wait

RULE_MAX: Final = 44
ENTRY_MAX: Final = 72  # of entries for many, which also say for whom


def step_lines(step: Step) -> list[str]:
    """Say what a step does, in a line or two."""
    if step.message is not None:
        return [f"message {_template(step.message)}", ", ".join(step.message.channels)]
    if step.wait is not None:
        return _wait_lines(step.wait)
    if step.split is not None:
        how = " anew" if step.split.random else ""
        return [f"split by {step.split.experiment}" if step.split.experiment else f"split{how}"]
    if step.limit is not None:
        return [f"at most {step.limit.to} persons"]
    if step.look_up is not None:
        return [f"look up {step.look_up.table or step.look_up.source}", f"as {step.look_up.as_}"]
    return [_plain(step)]


def _plain(step: Step) -> str:
    if step.branch is not None:
        return "branch"
    if step.update is not None:
        said = [f"set {', '.join(step.update.set)}"] if step.update.set else []
        said += [f"unset {', '.join(step.update.unset)}"] if step.update.unset else []
        return cut("; ".join(said))
    if step.webhook is not None:
        return f"webhook {step.webhook.source}"
    if step.jump is not None:
        return f"jump to {step.jump}"
    return "goal reached" if step.goal else f"stage {step.stage}"


def _template(message: Message) -> str:
    wish = message.template
    return wish if isinstance(wish, str) else f"by {wish.experiment}"


def _wait_lines(wait: Wait) -> list[str]:
    if wait.for_ is not None:
        each = [awaited_words(one) for one in wait.for_.values()]
        until = [f"at most {wait.timeout}"] if wait.timeout else []
        lines = [f"wait for {each[0]}", *(f"or {one}" for one in each[1:]), *until]
    elif wait.until_date is not None:
        lines = [f"wait until {_date(wait.until_date)}"]
    elif wait.until is not None:
        days = f" ({', '.join(wait.days)})" if wait.days else ""
        zone = "" if wait.zone == "person" else f" {wait.zone}"
        lines = [f"wait until {wait.until}{zone}{days}"]
    else:
        lines = [f"wait {wait.for_duration}"]
    lines += [f"while {rule_words(wait.while_)}"] if wait.while_ is not None else []
    return [cut(line) for line in lines]


def _date(date: UntilDate) -> str:
    moved = f" + {date.plus}" if date.plus else f" - {date.minus}" if date.minus else ""
    return f"{'.'.join(date.path)}{moved} {date.at}"


def awaited_words(awaited: Entry | Reaction) -> str:
    """Say what is awaited, or what an entry is."""
    if isinstance(awaited, Reaction):
        return " or ".join(f"{what} {step_id}" for what, step_id in awaited.parts)
    if awaited.event is not None:
        same = isinstance(awaited, Happening) and awaited.same
        return cut(f"{awaited.event}{_where(awaited)}{f' of the same {same[0]}' if same else ''}")
    if awaited.transition is not None:
        after = f" {awaited.after}" if awaited.after else ""
        first = " (also who is inside already)" if awaited.initial else ""
        return f"{awaited.transition}{after} {_fences(awaited.fence)}{first}".strip()
    if awaited.audience is not None:
        there = ", and who is in it" if awaited.include_existing else ""
        return f"{awaited.on or 'join'} {awaited.audience}{there}"
    if awaited.external is not None:
        return cut(f"{awaited.external} from outside{_where(awaited)}{_whom(awaited)}", ENTRY_MAX)
    if awaited.schedule is not None:
        zone = f" {awaited.zone}" if awaited.zone else ""
        return cut(f"{_clock(awaited.schedule)}{zone}{_whom(awaited)}", ENTRY_MAX)
    return "an API call"


def _where(entry: Entry) -> str:
    return f" where {rule_words(entry.where)}" if entry.where is not None else ""


def _clock(cron: str) -> str:
    """Say when a schedule is due; what has no short words stays as it was written."""
    minute, hour, day, month, weekday = cron.split()
    if not (minute.isdecimal() and hour.isdecimal()) or month != "*":
        return f"cron {cron}"
    at = f"at {int(hour):02}:{int(minute):02}"
    if day == weekday == "*":
        return f"every day {at}"
    if weekday == "*" and day.isdecimal():
        return f"on day {day} of the month {at}"
    return f"on {weekday} {at}" if day == "*" and not weekday.isdecimal() else f"cron {cron}"


def _whom(entry: Entry) -> str:
    """Say whom of all persons an entry is for."""
    new = "who is new in " if entry.only_new else ""
    return f" for {new}{entry.audience_id}" if entry.audience_id else " for everybody"


def _fences(selector: FenceSelector | None) -> str:
    given = (selector.id, selector.tag, selector.library) if selector else ()
    return " ".join(each for each in given if each)


def head_lines(journey: Journey) -> Iterator[str]:
    """Say what holds for the whole journey."""
    goal = journey.goal
    yield f"goal: {goal.event} within {goal.within}" if goal else "goal: none"
    if journey.exit_on:
        yield f"ends on: {', '.join(awaited_words(each) for each in journey.exit_on)}"
    yield f"lifetime: {journey.lifetime}"
    if journey.limits:
        yield f"limits: {_limits(journey.limits)}"


def _limits(limits: Limits) -> str:
    """Say how many are taken in."""
    window = "in all" if limits.per in {None, "total"} else f"a {limits.per}"
    said = [f"{limits.entries} entries {window}"] if limits.entries is not None else []
    said += [f"{limits.running} at one time"] if limits.running is not None else []
    return ", ".join(said)


def way_words(step: Step, way: str) -> str:
    """Say by which way a run goes on."""
    if step.branch is not None and way.isdecimal():
        return rule_words(step.branch[int(way) - 1].when)
    if step.split is not None and step.split.weights:
        whole = sum(step.split.weights.values())
        return f"{way} {100 * step.split.weights[way] / whole:.3g} %"
    return way


def rule_words(tree: object) -> str:
    """Say a rule in short: ``points gte 400 and vips``."""
    return cut(_rule(tree))


def _rule(tree: object) -> str:
    if not isinstance(tree, Mapping):
        return _value(tree)
    for word, form in (("and", "all"), ("or", "any")):
        if isinstance(tree.get(form), list):
            return f" {word} ".join(_rule(each) for each in tree[form])
    if "not" in tree:
        return f"not {_rule(tree['not'])}"
    said = [_value(value) if n == 0 else f"{name} {_value(value)}"
            for n, (name, value) in enumerate(tree.items())]  # fmt: skip
    form = next(iter(tree))
    is_bare = form in {"person", "event", "trait", "place", "audience"}
    return " ".join(said if is_bare else [f"{form} {said[0]}", *said[1:]])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_value(each) for each in value)
    return str(value)


def cut(text: str, most: int = RULE_MAX) -> str:
    """Keep a text short enough for a picture."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
