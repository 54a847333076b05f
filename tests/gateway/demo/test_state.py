"""What page and terminal read: bounded, each entry once, nothing that could be run."""

import re
from collections.abc import Awaitable, Callable
from importlib.resources import files

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from fencepost_gateway.demo.routes import PAGE, PEOPLE_BYTES_MAX, mount
from fencepost_gateway.demo.state import (
    ENTRIES_MAX,
    PEOPLE_MAX,
    Check,
    DemoState,
    Entry,
    Position,
)

Open = Callable[[web.Application], Awaitable[TestClient[web.Request, web.Application]]]


def entry(n: int, outcome: str = "sent") -> Entry:
    """Give an entry that knows its number."""
    check = Check("consent", ok=True, detail="marketing = y")
    return Entry(
        id=f"d{n}", at_ms=n, kind="decision", person="Mina", text="greeting", outcome=outcome,
        checks=(check,),
    )  # fmt: skip


def new_state() -> DemoState:
    """Give a state with a town of nothing."""
    return DemoState({"type": "FeatureCollection", "features": []}, [])


async def open_page(
    aiohttp_client: Open, state: DemoState
) -> TestClient[web.Request, web.Application]:
    """Serve the demonstration's routes."""
    app = web.Application()
    mount(app, state)
    return await aiohttp_client(app)


def test_cursor_gives_each_entry_once() -> None:
    """Reading on with the cursor of the last answer gives exactly what came since."""
    state = new_state()
    state.add(entry(1))
    first = state.since(0)
    state.add(entry(2))

    second = state.since(first.cursor)
    third = state.since(second.cursor)

    assert [e.id for e in first.entries] == ["d1"]
    assert [e.id for e in second.entries] == ["d2"]
    assert third.entries == []


def test_town_travels_only_to_a_reader_that_knows_nothing() -> None:
    """Cursor 0, or one of a gateway that is gone, gets the town; a cursor of ours does not."""
    state = new_state()

    first = state.since(0)

    assert first.town is not None
    assert state.since(first.cursor).town is None
    assert state.since(first.cursor + 1).town is not None


def test_entries_and_people_are_bounded() -> None:
    """However much happens, only the newest entries and so many people are kept."""
    state = new_state()
    for n in range(ENTRIES_MAX + 50):
        state.add(entry(n))
    state.place_people([Position(f"p{n}", "x", 48.2, 11.1, 0) for n in range(PEOPLE_MAX + 50)])

    snapshot = state.since(1)

    assert len(snapshot.entries) == ENTRIES_MAX
    assert snapshot.entries[-1].id == f"d{ENTRIES_MAX + 49}"
    assert len(snapshot.people) == PEOPLE_MAX
    assert snapshot.counts == {"decisions": ENTRIES_MAX + 50, "sent": ENTRIES_MAX + 50}


async def test_state_route_answers_by_cursor(aiohttp_client: Open) -> None:
    """The page gets entries with their checks, and an unusable cursor is refused in words."""
    state = new_state()
    state.add(entry(1, "withheld"))
    client = await open_page(aiohttp_client, state)

    answer = await (await client.get("/demo/state?after=0")).json()
    refused = await client.get("/demo/state?after=-1")

    assert answer["entries"][0]["checks"][0] == {
        "gate": "consent", "ok": True, "detail": "marketing = y",
    }  # fmt: skip
    assert (await (await client.get(f"/demo/state?after={answer['cursor']}")).json())[
        "entries"
    ] == []
    assert refused.status == 400
    assert "after" in (await refused.json())["detail"]


async def test_people_route_takes_positions(aiohttp_client: Open) -> None:
    """Positions posted by the walkers are what the page draws next."""
    state = new_state()
    client = await open_page(aiohttp_client, state)
    mina = {"person": "mina", "name": "Mina", "lat": 48.2, "lon": 11.1, "at_ms": 5}

    posted = await client.post("/demo/people", json=[mina])
    people = (await (await client.get("/demo/state")).json())["people"]

    assert posted.status == 204
    assert people == [{**mina, "tracked": True}]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"[{}]", "application/json", 400),
        (b"not json", "application/json", 400),
        (b'[{"person":"a","name":"a","lat":99,"lon":0,"at_ms":0}]', "application/json", 400),
        (b"[]", "text/plain", 415),
        (b" " * (PEOPLE_BYTES_MAX + 1), "application/json", 413),
    ],
    ids=["members missing", "not json", "no such latitude", "other origin", "too large"],
)
async def test_people_route_refuses_other_bodies(
    aiohttp_client: Open, body: bytes, content_type: str, status: int
) -> None:
    """What is not a short list of positions changes nothing and is not repeated."""
    state = new_state()
    client = await open_page(aiohttp_client, state)

    answer = await client.post("/demo/people", data=body, headers={"Content-Type": content_type})

    assert answer.status == status
    assert "99" not in await answer.text()
    assert state.since(0).people == []


@pytest.mark.bad_input(89)
async def test_page_forbids_everything_that_is_not_ours(aiohttp_client: Open) -> None:
    """Every answer carries the policy that stops inline script and style, and frames."""
    client = await open_page(aiohttp_client, new_state())

    for path in (*PAGE, "/demo/state"):
        answer = await client.get(path)

        assert answer.status == 200
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.bad_input(89)
def test_page_files_hold_nothing_inline_and_nothing_foreign() -> None:
    """No inline script, style or handler, no way to set HTML, no address outside."""
    folder = files("fencepost_gateway.demo") / "page"
    html = (folder / "index.html").read_text()
    everything = {name: (folder / name).read_text() for name, _ in PAGE.values()}

    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|data:", html) == []
    for name, text in everything.items():
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.]+\.[a-z]{2,}[^\"' ]*", text))

        assert found == [], name
        assert addresses <= {"http://www.w3.org/2000/svg"}, name


def test_page_files_are_all_served() -> None:
    """A file that no route serves is forgotten, and a route without a file would not start."""
    folder = files("fencepost_gateway.demo") / "page"

    assert {item.name for item in folder.iterdir()} == {name for name, _ in PAGE.values()}
