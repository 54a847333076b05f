"""Journey rows: runs, what is counted of them, their calls, and what operators did."""

from __future__ import annotations

from msgspec import Struct

from fencepost_gateway.decide.calls import Call


class RunRow(Struct, frozen=True):
    """
    Where a run of a journey stands, for reports; the run itself is in its person's row.

    ``step_id`` is where it stands since ``since_ms``, or the step at which it ended; ``due_ms``
    when time has something to say to it. ``is_held``: it takes its step after a pause.
    ``stage`` is the one it is in while it lives.
    """

    run_id: str
    person_id: str
    campaign_id: str
    version: int
    step_id: str
    since_ms: int
    due_ms: int | None
    entered_ms: int
    ended_ms: int | None = None
    outcome: str = ""
    is_test: bool = False
    is_held: bool = False
    stage: str = ""


class JourneyPlace(Struct, frozen=True, order=True):
    """What is counted is counted of a step, of a stage, or (neither) of the journey itself."""

    campaign_id: str
    version: int
    step_id: str = ""
    stage: str = ""


class JourneyCount(Struct, frozen=True, order=True):
    """How often something happened at a place of a journey."""

    place: JourneyPlace
    what: str
    count: int


class Waiting(Struct, frozen=True):
    """
    Who stands at a step now, by stage: how many, and since when the one who came first.

    ``held``: by a pause. ``overdue``: time should have moved them on before the moment asked about.
    """

    place: JourneyPlace
    count: int
    held: int
    overdue: int
    oldest_ms: int


class LinkRow(Struct, frozen=True):
    """
    What the page of a link answered last.

    ``status`` is 0 where nothing was answered: then ``failure`` says why. ``bad_since_ms`` is when
    it was asked first of all the times since it was fine last; None: it is fine, or was not asked.
    """

    url: str
    status: int
    failure: str
    asked_ms: int
    bad_since_ms: int | None = None


class Act(Struct, frozen=True):
    """
    Something that an operator did, of a campaign or (empty) of all marketing.

    ``by`` is the role of the key, ``note`` what the operator wrote beside it.
    """

    number: int
    at_ms: int
    by: str
    action: str
    campaign_id: str = ""
    detail: str = ""
    note: str = ""


class TakenCall(Struct, frozen=True):
    """
    A call that is leased; ``attempt``, from 1, fences its answer.

    ``begun_ms`` is when it was asked for, or was last taken from among the dead letters.
    """

    call: Call
    attempt: int
    begun_ms: int


class DeadCall(Struct, frozen=True):
    """A webhook that was given up, when and why; never what it tells."""

    call_id: str
    person_id: str
    campaign_id: str
    step_id: str
    run_id: str
    source_id: str
    asked_ms: int
    dead_ms: int
    attempt: int
    failure: str
