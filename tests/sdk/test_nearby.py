"""The set of nearby fences: when it is asked for, and what becomes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fencepost_sdk import Messages
from fencepost_sdk.answer import Reply
from fencepost_sdk.location import Fix, Location
from fencepost_sdk.nearby import Nearby, read
from sdk.gateway_double import Scripted, problem

if TYPE_CHECKING:
    from fencepost_sdk import Client
    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble, Request

ALLOWED = {"collect": "y", "location_collect": "y", "location_precise": "y"}
HERE = (50.0012, 7.0034)


def fence(fence_id: str, version: int = 1) -> dict[str, Any]:
    """Make a fence as the gateway tells it."""
    shape = {"type": "Point", "coordinates": [7.0, 50.0], "radius_m": 60}
    place = {"name": "Yoga Loft", "meta": {"gym": True}}
    return {"id": fence_id, "version": version, "shape": shape, "place": place, "tags": ["yoga"]}


def body(*fences: dict[str, Any], have: str = "h1", **more: Any) -> dict[str, Any]:
    """Make an answer for the cell of ``HERE``."""
    told = {"v": 1, "center": {"lat": 50.0, "lon": 7.0}, "valid_radius_m": 5_000}
    return {**told, "stale_after_s": 86_400, "fences": list(fences), "have": have, **more}


def reply(told: dict[str, Any], etag: str = '"f-1"') -> Reply:
    """Make the answer as the transport gives it."""
    return Reply(200, json.dumps(told).encode(), etag=etag)


def asking() -> Nearby:
    """Make a set that is wanted, at a known position, answered at 0."""
    nearby = Nearby()
    nearby.want(0)
    nearby.moved(*HERE, 0)
    assert nearby.take(reply(body(fence("a"), fence("b"))), 0.5, 0)
    return nearby


def held(nearby: Nearby) -> dict[str, int]:
    """Give the versions held, by id."""
    assert nearby.held is not None
    return {key: fence["version"] for key, fence in nearby.held.fences.items()}


def test_nothing_is_asked_until_it_is_wanted_and_a_position_is_known() -> None:
    """Whoever does not look at fences pays for none."""
    nearby = Nearby()
    nearby.moved(*HERE, 0)
    unwanted = nearby.due_ms
    nearby.want(5)
    wanted = nearby.due_ms
    nearby.forget()

    assert (unwanted, wanted, nearby.due_ms) == (None, 5, None)


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        (50.0012, 7.0034, "lat=50.00&lon=7.00"),
        (-0.001, -0.004, "lat=0.00&lon=0.00"),
        (89.999, 179.996, "lat=90.00&lon=180.00"),
        (-33.337, -179.999, "lat=-33.34&lon=-180.00"),
    ],
)
def test_only_the_cell_is_told(lat: float, lon: float, expected: str) -> None:
    """A position is rounded to 0.01 degrees before it goes into a question."""
    nearby = Nearby()
    nearby.moved(lat, lon, 0)

    assert nearby.path() == f"/v1/fences/nearby?{expected}"


def test_a_difference_is_applied_to_what_is_held() -> None:
    """Gone ones go, others are put, the rest stays; the next question names the new set."""
    nearby = asking()
    is_new = nearby.take(reply(body(fence("c", 2), have="h 2", gone=["a", "x"], count=2)), 0.5, 9)

    assert is_new
    assert held(nearby) == {"b": 1, "c": 2}
    assert nearby.path().endswith("&have=h%202")


def test_a_difference_that_does_not_fit_asks_for_everything() -> None:
    """What was lost here is found out; until the whole answer the old set stays."""
    nearby = asking()
    wrong = reply(body(gone=[], count=7))
    is_new = nearby.take(wrong, 0.5, 9)
    due_ms, path, kept = nearby.due_ms, nearby.path(), held(nearby)
    nearby.take(wrong, 0.5, 10)
    again_ms = nearby.due_ms
    nearby.take(reply(body(fence("c"), have="h3")), 0.5, 2_000)

    assert (is_new, due_ms, kept) == (False, 9, {"a": 1, "b": 1})
    assert "have" not in path
    assert again_ms is not None
    assert again_ms > 10
    assert (held(nearby), nearby.path()[-3:]) == ({"c": 1}, "=h3")


@pytest.mark.parametrize(
    ("lat", "lon", "is_due"),
    [(50.0, 7.05, False), (50.0, 7.06, True), (50.004, 7.004, False), (49.9, 7.0, True)],
    ids=["inside", "outside", "same-cell", "south"],
)
def test_outside_the_inner_part_it_is_asked_again(lat: float, lon: float, *, is_due: bool) -> None:
    """At 80 % of the radius, 4,000 m of 5,000, and no sooner."""
    nearby = asking()
    nearby.moved(lat, lon, 60_000)

    assert (nearby.due_ms == 60_000) == is_due


def test_a_radius_of_nothing_is_not_asked_for_in_a_circle() -> None:
    """The answer for a cell is the same all over it, however small its radius."""
    nearby = asking()
    nearby.take(reply(body(fence("a"), valid_radius_m=0)), 0.5, 1)
    nearby.moved(50.003, 7.003, 2)

    assert nearby.due_ms == 86_400_001


def test_a_stale_set_is_asked_for_again() -> None:
    """After a day, wherever the device is; never later than that."""
    nearby = asking()
    day_ms = nearby.due_ms
    nearby.take(reply(body(stale_after_s=300)), 0.5, 0)
    soon_ms = nearby.due_ms
    nearby.take(reply(body(stale_after_s=10**9)), 0.5, 0)

    assert (day_ms, soon_ms, nearby.due_ms) == (86_400_000, 300_000, 86_400_000)


def test_a_hint_that_names_what_is_known_causes_no_request() -> None:
    """Another name does."""
    nearby = asking()
    nearby.hint("f-1", 50)
    known_ms = nearby.due_ms
    nearby.hint("", 50)
    nothing_ms = nearby.due_ms
    nearby.hint("f-2", 60)

    assert (known_ms, nothing_ms, nearby.due_ms) == (86_400_000, 86_400_000, 60)


@pytest.mark.parametrize(
    ("failure", "least_ms", "most_ms"),
    [
        (None, 100, 500),
        (Reply(503, b"", 7.0), 7_000, 7_000),
        (Reply(403, b"{}"), 3_600_000, 3_600_000),
        (Reply(200, b"<html>"), 100, 500),
        (reply(body({"id": "a"})), 100, 500),
        (reply(body(valid_radius_m=float("nan"))), 100, 500),
        (reply(body(v=2)), 100, 500),
    ],
    ids=["none", "busy", "refused", "portal", "no-fence", "nan", "version"],
)
def test_a_failed_answer_keeps_the_set_and_waits(
    failure: Reply | None, least_ms: int, most_ms: int
) -> None:
    """Neither moving nor a hint hurries it on then."""
    nearby = asking()
    is_new = nearby.take(failure, 0.9, 0)
    due_ms = nearby.due_ms
    nearby.moved(10, 10, 1)
    nearby.hint("f-9", 1)

    assert not is_new
    assert held(nearby) == {"a": 1, "b": 1}
    assert due_ms is not None
    assert least_ms <= due_ms <= most_ms
    assert nearby.due_ms == due_ms


def test_a_stale_time_that_is_none_is_a_second() -> None:
    """No answer makes the SDK ask in a circle."""
    told = read(json.dumps(body(stale_after_s=float("nan"))).encode())

    assert told is not None
    assert told.stale_after_s == 1


class Fenced:
    """Answers look-ups of the gateway double in turn; the last one again and again."""

    def __init__(self, gateway: GatewayDouble, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self._gateway = gateway
        gateway.refuse = self._answer

    def _answer(self, request: Request) -> Scripted | None:
        if not request.path.startswith("/v1/fences/nearby"):
            return None
        told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if "status" in told:
            return problem(told["status"], "x")
        return Scripted(200, json.dumps(told).encode(), (("ETag", '"f-1"'),))

    def asked(self) -> list[dict[str, list[str]]]:
        """Give the questions that came, as queries."""
        paths = [urlsplit(request.path) for request in self._gateway.requests]
        return [parse_qs(path.query) for path in paths if path.path == "/v1/fences/nearby"]

    def wait_for(self, count: int) -> list[dict[str, list[str]]]:
        """Wait for so many questions."""
        self._gateway.wait_for(lambda: len(self.asked()) >= count)
        return self.asked()


def ids_of(fp: Client) -> list[str]:
    """Give the ids of the fences an app sees."""
    return [view.fence_id for view in fp.location.fences()]


def wait_until(fp: Client, expected: list[str]) -> None:
    """Wait until an app sees these fences."""
    core = fp._core  # noqa: SLF001 - its lock says when something changed; an app only looks
    with core.lock:
        done = core.changed.wait_for(lambda: ids_of(fp) == expected, 10)
    assert done, ids_of(fp)


@pytest.mark.feature("P03")
def test_an_app_sees_the_fences_around_it(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """From its first look and the next position on; only the cell travels."""
    fenced = Fenced(gateway, body(fence("b"), fence("a")))
    fp = make_client(location=Location(), consent=ALLOWED)
    fp.location.update(Fix(*HERE, accuracy_m=5))
    at_first = fp.location.fences()
    wait_until(fp, ["a", "b"])
    (view, _) = fp.location.fences()

    assert at_first == ()
    assert fenced.asked() == [{"lat": ["50.00"], "lon": ["7.00"]}]
    assert (view.name, view.meta, view.tags) == ("Yoga Loft", {"gym": True}, ("yoga",))
    assert view.shape["radius_m"] == 60
    assert "50.0" not in repr(view)


def test_an_app_that_does_not_look_asks_for_nothing(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Positions alone cause no look-up."""
    fenced = Fenced(gateway, body())
    fp = make_client(location=Location(), consent=ALLOWED)
    fp.location.update(Fix(*HERE, accuracy_m=5))
    fp.flush()

    assert fenced.asked() == []


def test_a_hint_brings_what_changed(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """The answer to an upload says that fences changed: the difference is fetched."""
    change = body(fence("b", 2), have="h2", gone=["a"], count=1)
    fenced = Fenced(gateway, body(fence("a"), fence("b")), change)
    fp = make_client(location=Location(), consent=ALLOWED)
    fp.location.fences()
    fp.location.update(Fix(*HERE, accuracy_m=5))
    wait_until(fp, ["a", "b"])
    gateway.hints = {"fences": "f-1"}
    fp.track("known")
    fp.flush()
    gateway.hints = {"fences": "f-2"}
    fp.track("new", priority="now")
    wait_until(fp, ["b"])

    assert [query.get("have") for query in fenced.asked()] == [None, ["h1"]]


def test_the_fences_survive_the_app(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """The next run sees them at once, offline too, and asks only for what changed."""
    fenced = Fenced(gateway, body(fence("a")), body(gone=[], count=1))
    first = make_client(location=Location(), consent=ALLOWED)
    first.location.fences()
    first.location.update(Fix(*HERE, accuracy_m=5))
    wait_until(first, ["a"])
    first.shutdown()
    second = make_client(location=Location(), consent=ALLOWED)
    at_once = ids_of(second)
    second.location.update(Fix(*HERE, accuracy_m=5))
    asked = fenced.wait_for(2)

    assert at_once == ["a"]
    assert asked[1]["have"] == ["h1"]


@pytest.mark.feature("P07")
@pytest.mark.parametrize("how", ["consent", "reset"])
def test_withdrawn_consent_takes_the_fences_with_it(
    gateway: GatewayDouble, make_client: MakeClient, how: str
) -> None:
    """They say where the device was: gone from memory and disk before the call returns."""
    fenced = Fenced(gateway, body(fence("a")))
    fp = make_client(location=Location(), consent=ALLOWED)
    fp.location.fences()
    fp.location.update(Fix(*HERE, accuracy_m=5))
    wait_until(fp, ["a"])
    if how == "consent":
        fp.set_consent({"location_collect": "n"})
    else:
        fp.reset()
    left = ids_of(fp)
    fp.location.update(Fix(*HERE, accuracy_m=5))
    gateway.hints = {"fences": "f-2"}
    fp.track("a")
    fp.flush()
    fp.set_consent(ALLOWED)
    left += ids_of(fp)
    fp.shutdown()
    later = make_client(location=Location())
    later.set_consent(ALLOWED)

    assert (left, ids_of(later)) == ([], [])
    assert len(fenced.asked()) == 1


def test_a_hint_may_stand_in_quotes_or_not(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """The header has them, the hint need not: the known state of the messages is not asked for."""
    fp = make_client(messages=Messages(stream=False))
    fp.inbox.list()
    gateway.wait_for(lambda: any(r.method == "GET" for r in gateway.requests))
    gateway.hints = {"messages": "m-0"}
    fp.track("a")
    fp.flush()
    fp.track("b")
    fp.flush()

    assert sum(request.method == "GET" for request in gateway.requests) == 1


def test_an_answer_that_comes_after_consent_went_is_not_kept(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Consent is withdrawn while the gateway still writes: the set stays empty."""
    fenced = Fenced(gateway, body(fence("a")))
    fp = make_client(location=Location(), consent=ALLOWED)
    answer = gateway.refuse

    def withdraw_first(request: Request) -> Scripted | None:
        told = answer(request)
        if told is not None:
            fp.set_consent({"location_collect": "n"})
        return told

    gateway.refuse = withdraw_first
    fp.location.fences()
    fp.location.update(Fix(*HERE, accuracy_m=5))
    fenced.wait_for(1)
    fp.track("a", priority="now")
    fp.flush()
    fp.set_consent(ALLOWED)

    assert fp.location.fences() == ()
