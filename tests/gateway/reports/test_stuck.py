"""Where people get stuck: by what was counted, by who waits, and by what links answered."""

from typing import Any

import pytest
from msgspec import structs

from fencepost_gateway.content.page_links import PageLinks
from fencepost_gateway.decide.plan import EventEntry
from fencepost_gateway.decide.steps import Awaited, BranchStep, Flow, SplitStep, WaitStep
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.ports import JourneyPlace, LinkRow
from fencepost_gateway.reports.journey_states import Standings
from fencepost_gateway.reports.stuck import stayed_s, stuck_of
from fencepost_gateway.reports.stuck_words import SAYS, tell_stuck
from gateway.decide.journeys import JOURNEY, flow, message, step
from gateway.rig import NOON_MS

HOUR_S = 3_600
ASK = WaitStep(awaited=(Awaited("said", EventEntry("said")),), timeout_ms=HOUR_S * 1_000)
ERROR = Awaited("error", EventEntry("error"))
FLOW: Flow = flow(
    step("mail", message(), withheld="end"),
    step("ask", ASK, timeout="end"),
    step("which", BranchStep(())),
    step("draw", SplitStep((("full", 1.0),)), full="end"),
    step("heard", structs.replace(ASK, awaited=(ERROR,)), error="end"),
)
KEY = JOURNEY, 1
GONE = LinkRow("https://a.example/gone?x=1", 404, "", NOON_MS, NOON_MS)
SLOW = LinkRow("https://b.example/", 0, "timeout", NOON_MS, NOON_MS)
FINE = LinkRow("https://c.example/", 200, "", NOON_MS)
HOME = LinkRow("https://d.example/", 0, "private_host", NOON_MS)


def row(step_id: str, **more: Any) -> dict[str, Any]:
    """Tell of a step as the states do."""
    usual = {"came": 20, "went": {}, "ended": {}, "overdue": 0, "waits_p95_ms": None}
    return {"version": 1, "step": step_id, **usual, **more}


def stood(**counts: int) -> Standings:
    """Give what was counted of the mail."""
    named = {what.replace("_s", ":", 1) if what.startswith("stayed") else what: n
             for what, n in counts.items()}  # fmt: skip
    return Standings({JourneyPlace(*KEY, step_id="mail"): named})


def steps(*rows: dict[str, Any], found: Standings | None = None) -> list[tuple[str, list[str]]]:
    """Say which steps are stuck, and why."""
    told = stuck_of(rows, found or Standings(), {KEY: FLOW}, {}, {})
    return [(each["step"], each["why"]) for each in told["steps"]]


@pytest.mark.parametrize(
    ("told", "is_stuck"),
    [
        (row("ask", went={"timeout": 10}), True),
        (row("ask", went={"timeout": 9}), False),  # less than half
        (row("ask", came=4, went={"timeout": 4}), False),  # too few to say anything
        (row("ask", went={"clicked": 20}), False),
        (row("mail", went={"withheld.consent": 20}), True),
        (row("mail", went={"timeout": 20}), False),  # goes on to the next step
        (row("mail", ended={"expired": 20}), True),
        (row("mail", ended={"goal_reached": 20}), False),
        (row("mail", ended={"stopped": 20, "discarded": 20}), False),  # operators did
        (row("which", went={"otherwise": 20}), False),  # the author meant it so
        (row("draw", went={"full": 20}), False),  # so called by the author
        (row("heard", went={"error": 20}), False),  # likewise
        (row("which", ended={"no_branch": 20}), True),
    ],
)
def test_step_that_people_leave(told: dict[str, Any], is_stuck: bool) -> None:  # noqa: FBT001 - a column
    """Half of those who came, and at least five, ended there by nobody's choice."""
    assert steps(told) == ([(told["step"], ["left"])] if is_stuck else [])


def test_step_where_people_are_overdue() -> None:
    """One is enough: time should have moved them on."""
    assert steps(row("ask", overdue=1)) == [("ask", ["overdue"])]


@pytest.mark.parametrize(("waits_s", "is_stuck"), [(HOUR_S, False), (HOUR_S + 1, True)])
def test_step_where_people_wait_longer_than_others_did(waits_s: int, is_stuck: bool) -> None:  # noqa: FBT001 - a column
    """Against 19 of 20 of those who left it."""
    found = stood(stayed_s60=10, stayed_s3600=9, stayed_s86400=1)
    told = row("mail", waits_p95_ms=waits_s * 1_000)

    assert stayed_s(found, 1, "mail") == HOUR_S
    assert steps(told, found=found) == ([("mail", ["long"])] if is_stuck else [])


def test_few_who_left_are_no_measure() -> None:
    """Nineteen say nothing of the twentieth."""
    assert stayed_s(stood(stayed_s60=19), 1, "mail") is None


def message_row(*known: LinkRow, made: int = 0, urls: tuple[str, ...] = ()) -> dict[str, Any]:
    """Tell of the mail."""
    links = PageLinks((*(each.url for each in known), *urls), made)
    found = stood(sent=20, clicked=9)
    by_url = {each.url: each for each in known}
    told = stuck_of([], found, {KEY: FLOW}, {(1, "mail"): links}, by_url)
    (mail,) = told["messages"]
    return {"stuck": {"links_asked": True, **told}, "mail": mail}


def test_message_names_its_broken_links() -> None:
    """With what they answered and since when; what is fine, private or not asked is no news."""
    mail = message_row(GONE, FINE, HOME, made=2, urls=("https://new.example/",))["mail"]

    assert [mail[name] for name in ("sent", "clicked", "went_on")] == [20, 9, 0]
    assert mail["broken_links"] == [
        {"url": GONE.url, "status": 404, "failure": None, "since": "2026-06-01T12:00:00.000Z"}
    ]
    assert [mail[name] for name in ("links", "links_asked", "links_made")] == [4, 2, 2]


def test_words_are_whole_in_both_languages() -> None:
    """Step, figures, link, and what was left out; nothing is left to be filled in."""
    answer = message_row(GONE, SLOW, HOME, made=2)
    answer["stuck"]["steps"] = [
        {**row("ask"), "why": ["left", "overdue", "long"], "left": 11, "left_share": 0.55,
         "overdue": 1, "waits_p95_ms": 7_200_000, "usual_p95_ms": 3_600_000}
    ]  # fmt: skip
    english = [each.strip() for each in tell_stuck(answer, Tongue("en"))]
    korean = "\n".join(tell_stuck(answer, Tongue("ko")))

    assert english == [
        "STUCK at v1 ask: 11 of 20 who came left there (55 %)",
        "STUCK at v1 ask: 1 overdue, the gateway is behind",
        "STUCK at v1 ask: people wait longer (2 h) than 19 of 20 did who left it (1 h)",
        "message v1 mail: 20 sent, 0 delivered, 0 opened, 9 clicked, 0 went on after it",
        f"BROKEN LINK {GONE.url} answers 404 since 2026-06-01T12:00:00.000Z",
        f"BROKEN LINK {SLOW.url} cannot be reached (timeout) since 2026-06-01T12:00:00.000Z",
        "2 more that Liquid makes: not asked",
        "links not asked yet, or not on the public internet: 1",
    ]
    assert "v1 mail 메시지: 발송 20, 전달 0, 열람 0, 클릭 9, 클릭 후 진행 0" in korean
    assert "{" not in korean
    assert all(said.en and said.ko for said in SAYS.values())
