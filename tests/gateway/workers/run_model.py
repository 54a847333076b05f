"""
A reference of runs: what a log means for everybody's runs, by the journey as it was written.

Small, slow and easy to believe: it reads the authored document step by step, remembers every run
for ever, and knows no timers, groups, stores or indexes. With the engine it shares the records of
the log and how ids are made of their cause; of the walk it knows nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import (
    Controlled,
    DeviceMoved,
    LogRecord,
    Outcome,
    Published,
    TimerFired,
    Touched,
    Upload,
)
from gateway.policies import WORKSPACE

JOURNEY = "trip"
UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def ms(text: str) -> int:
    """Read a span as authors write it."""
    return int(text[:-1]) * UNIT_MS[text[-1]]


@dataclass
class ModelRun:
    """One run, from its entry to for ever."""

    run_id: str
    key: str
    version: int
    doc: Mapping[str, Any]
    entered_ms: int
    since_ms: int
    began_ms: int
    step: str
    due_ms: int | None = None
    open: int = 0
    awaits: str = ""
    times: Counter[str] = field(default_factory=Counter)
    ended: str = ""
    is_held: bool = False

    @property
    def ends_ms(self) -> int:
        """The end of its lifetime."""
        return self.began_ms + ms(self.doc["lifetime"])

    @property
    def wakes_ms(self) -> int:
        """When time has something to say to it."""
        return self.ends_ms if self.due_ms is None else min(self.due_ms, self.ends_ms)

    def stands(self) -> tuple[Any, ...]:
        """Say which run it is and where it stands, or how it ended."""
        where = self.step, self.since_ms, self.wakes_ms, self.open
        which = self.run_id, self.version, self.entered_ms
        return (*which, self.ended) if self.ended else (*which, *where)

    @property
    def does(self) -> Mapping[str, Any]:
        """What the step does at which it stands."""
        return next((s for s in self.doc["steps"] if s.get("id") == self.step), {})

    def after(self, way: str) -> str:
        """Say where it goes on by a way; else behind the step, or where that sends."""
        for name in (way, way.partition(".")[0]):
            if name and name in self.does.get("then", {}):
                return str(self.does["then"][name])
        steps = self.doc["steps"]
        behind = next(i for i, s in enumerate(steps) if s.get("id") == self.step) + 1
        if behind == len(steps):
            return "end"
        return str(steps[behind].get("to") or steps[behind]["id"])


class Model:
    """Everybody's runs; ``told`` has what the records of each run should say, in order."""

    def __init__(self) -> None:
        self.live: tuple[int, Mapping[str, Any]] | None = None
        self.newest: tuple[int, Mapping[str, Any]] | None = None
        self.control = self.newest_control = Control(JOURNEY)
        self.runs: dict[str, dict[str, ModelRun]] = defaultdict(dict)
        self.all: list[ModelRun] = []
        self.became: dict[str, str] = {}
        self.through: dict[str, set[str]] = defaultdict(set)
        self.taken: Counter[str] = Counter()
        self.told: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self.wanted: list[str] = []
        self.now_ms = 0

    def publish(self, version: int, doc: Mapping[str, Any]) -> None:
        """Take note of a version that is in the log from here on."""
        self.newest = version, doc

    def read(self) -> None:
        """Read documents and switches, as a process does when it begins, and at a publication."""
        self.live, self.control = self.newest, self.newest_control

    # ---- the log --------------------------------------------------------------------------

    def fold(self, log: LogRecord) -> None:
        """Take a record."""
        self.now_ms, record = log.appended_ms, log.record
        if isinstance(record, Published):
            self.read()
        elif isinstance(record, Controlled):
            self.control = record.control
        elif isinstance(record, Touched):
            for person_id in record.person_ids:
                self.obey(person_id, self.now_ms + 1)
        elif isinstance(record, TimerFired) and not record.device_id:
            self.obey(record.person_id, self.now_ms + 1)
        elif isinstance(record, DeviceMoved):
            self.obey(record.from_person)
        elif isinstance(record, Outcome):
            self.outcome(record)
        elif isinstance(record, Upload):
            self.upload(record)

    def upload(self, told: Upload) -> None:
        """Take what one batch tells, in order of time."""
        if told.links:
            self.merge(told.visitor_id, told.person_id)
        happened = zip(told.at_ms, told.events, strict=True)
        for at_ms, event in sorted(happened, key=lambda pair: (pair[0], pair[1].seq)):
            if isinstance(event, wire.Track):
                cause = derive("event", told.device_id, told.stream, str(event.seq))
                self.event(told.person_id, event, at_ms, cause)
            else:
                self.obey(told.person_id)

    def obey(self, person_id: str, upto_ms: int = 0) -> None:
        """Let somebody's runs end, or go on, as the switches and the time have it."""
        for run in self.living(person_id):
            self.let_time_run(run, upto_ms)

    def living(self, person_id: str) -> list[ModelRun]:
        """Give somebody's runs that live, the oldest first."""
        runs = self.runs[self.became.get(person_id, person_id)].items()
        return [r for _, r in sorted(runs, key=lambda kr: (kr[1].entered_ms, kr[0])) if not r.ended]

    def event(self, person_id: str, event: wire.Track, at_ms: int, cause: str) -> None:
        """Let something happen: it ends runs, else moves them; then it starts one."""
        for run in self.living(person_id):
            self.let_time_run(run, min(at_ms, self.now_ms))
            if not run.ended and not self.is_over(run, event.name, at_ms):
                self.offer(run, event.name, at_ms)
        if event.name == "begin" and self.live is not None:
            self.enter(self.became.get(person_id, person_id), event.props, at_ms, cause)

    # ---- runs -----------------------------------------------------------------------------

    def enter(self, person_id: str, props: Mapping[str, Any], at_ms: int, cause: str) -> None:
        """Begin a run, unless the rule of re-entry is against it."""
        assert self.live is not None
        version, doc = self.live
        runs, order = self.runs[person_id], props.get("order")
        key = JOURNEY + (f"#{order}" if "instance" in doc and order is not None else "")
        known = runs.get(key)
        refused = self.refused(doc["reentry"], known)
        if refused:
            self.told[person_id].append(("", "not_entered", refused))
            return
        run_id = derive("run", WORKSPACE, JOURNEY, cause)
        if known is not None and not known.ended:
            runs[f"{key}#{known.run_id}"] = known
        began_ms = min(at_ms, self.now_ms)
        first = doc["steps"][0]["id"]
        run = ModelRun(run_id, key, version, doc, self.now_ms, began_ms, began_ms, first)
        runs[key] = run
        self.all.append(run)
        self.told[run_id].append(("", "entered", ""))
        self.go_on(run)

    def refused(self, rule: Any, known: ModelRun | None) -> str:
        """Say what switches and the rule of re-entry have against one more run."""
        if self.control.is_stopped:
            return "journey_stopped"
        if self.control.paused:
            return "journey_paused"
        if self.control.is_closed:
            return "journey_closed"
        if known is None or rule == "always":
            return ""
        if rule == "never":
            return "reentry_never"
        if not known.ended:
            return "reentry_running"
        opens_ms = known.entered_ms + ms(rule["after"]) if isinstance(rule, dict) else 0
        return "reentry_wait" if self.now_ms < opens_ms else ""

    def let_time_run(self, run: ModelRun, upto_ms: int) -> None:
        """Obey the switches, then let everything come due that is due before a moment."""
        if run.entered_ms <= self.control.ends_ms:
            self.end(run, self.control.ends_as)
        elif run.is_held and not self.control.paused:
            self.go_on(run)
        while not run.ended and run.wakes_ms < upto_ms:
            if run.due_ms is None or run.due_ms >= run.ends_ms:
                self.end(run, "expired")
                return
            run.since_ms = run.due_ms
            self.leave(run, "timeout" if "for" in run.does["wait"] else "")

    def is_over(self, run: ModelRun, name: str, at_ms: int) -> bool:
        """Say whether an event ends a run, and end it."""
        if at_ms < run.began_ms:
            return False
        goal = run.doc["goal"]
        if name == goal["event"] and at_ms <= run.began_ms + ms(goal["within"]):
            self.end(run, "goal_reached")
        elif {"event": name} in run.doc["exit_on"]:
            self.end(run, "exited")
        return bool(run.ended)

    def offer(self, run: ModelRun, name: str, at_ms: int) -> None:
        """Let an event move a run that waits for it."""
        for way, what in run.does.get("wait", {}).get("for", {}).items():
            if what["event"] == name and at_ms >= run.since_ms and not run.is_held:
                run.since_ms = min(at_ms, self.now_ms)
                self.leave(run, way)
                return

    def outcome(self, record: Outcome) -> None:
        """Take what became of a message."""
        for run in self.living(record.person_id):
            self.let_time_run(run, self.now_ms)
            if run.run_id != record.run_id or run.ended:
                continue
            run.open -= 1
            if run.step == "end":
                self.go_on(run)
            elif run.awaits == record.message_id and not run.is_held:
                run.since_ms = self.now_ms
                why = record.state + (f".{record.reason}" if record.reason else "")
                self.leave(run, why)

    def leave(self, run: ModelRun, way: str) -> None:
        """Leave a step, and go on."""
        self.told[run.run_id].append((run.step, "took", way))
        run.step, run.due_ms, run.awaits = run.after(way), None, ""
        self.go_on(run)

    def go_on(self, run: ModelRun) -> None:
        """Take the step at which a run stands."""
        does = run.does
        if run.step == "end":
            if not run.open:
                self.end(run, "completed")
            return
        run.due_ms, run.is_held = None, bool(self.control.paused)
        if run.is_held:
            return
        if "message" in does:
            self.want(run)
        elif "limit" in does:
            self.limit(run, does["limit"]["to"])
        elif run.since_ms >= run.ends_ms:
            self.end(run, "expired")  # too late to wait for anything
        else:
            wait = does["wait"]
            run.due_ms = run.since_ms + ms(wait.get("for_duration") or wait["timeout"])
            run.due_ms = min(run.due_ms, run.ends_ms)
            self.told[run.run_id].append((run.step, "waits", str(run.due_ms)))

    def want(self, run: ModelRun) -> None:
        """Want the message of a step; with a way for what becomes of it the run waits."""
        run.times[run.step] += 1
        time = str(run.times[run.step])
        message_id = derive("message", WORKSPACE, run.run_id, run.step, time)
        self.wanted.append(message_id)
        run.open += 1
        if "then" in run.does:
            run.awaits = message_id
            self.told[run.run_id].append((run.step, "waits", "None"))
        else:
            self.leave(run, "")

    def limit(self, run: ModelRun, most: int) -> None:
        """Let persons through while there is room; who went through goes through again."""
        owner = next(p for p, runs in self.runs.items() if run in runs.values())
        name = run.step
        if name not in self.through[owner] and self.taken[name] >= most:
            self.leave(run, "full")
            return
        if name not in self.through[owner]:
            self.taken[name] += 1
        self.through[owner].add(name)
        self.leave(run, "")

    def end(self, run: ModelRun, outcome: str) -> None:
        """End a run."""
        self.told[run.run_id].append((run.step, "ended", outcome))
        run.ended = outcome

    # ---- two persons who are one ----------------------------------------------------------

    def merge(self, visitor_id: str, known_id: str) -> None:
        """Let a visitor's runs be somebody's; of two under one key the older living one stays."""
        if visitor_id in self.became or visitor_id == known_id:
            return
        self.became[visitor_id] = known_id
        self.through[known_id] |= self.through.pop(visitor_id, set())
        runs = self.runs[known_id]
        for key, theirs in self.runs.pop(visitor_id, {}).items():
            ours = runs.get(key, theirs)
            stays, goes = sorted((ours, theirs), key=_rank)
            runs[key] = stays
            if goes is not stays and not goes.ended:
                self.end(goes, "merged")
        self.told[known_id] += self.told.pop(visitor_id, [])


def _rank(run: ModelRun) -> tuple[bool, int]:
    return bool(run.ended), -run.entered_ms if run.ended else run.entered_ms
