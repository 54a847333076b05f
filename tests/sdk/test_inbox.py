from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest

from fencepost_sdk import Message, Messages
from sdk.gateway_double import Scripted, problem

if TYPE_CHECKING:
    from pathlib import Path

    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble

SOON = Messages(poll_s=0.05, stream=False, gap_s=0)


def message(delivery_id: str, **more: Any) -> dict[str, Any]:
    """Make a message as the gateway sends it."""
    content = {"title": "Welcome", "body": "Your mat is ready.", "buttons": [{"text": "Show"}]}
    return {"delivery_id": delivery_id, "layout": "modal", "content": content, **more}


class Listener:
    """Keeps the messages it is given, answers them, and can be waited for."""

    def __init__(self, *answers: str) -> None:
        self.got: list[Message] = []
        self._answers = list(answers)
        self._changed = threading.Condition()

    def __call__(self, got: Message) -> str | None:
        """Take one."""
        with self._changed:
            self.got.append(got)
            self._changed.notify_all()
            return self._answers.pop(0) if self._answers else None

    def wait_for(self, count: int) -> list[str]:
        """Wait until ``count`` have come; give their ids."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.got) >= count, 10)
            return [each.delivery_id for each in self.got]


def test_a_message_reaches_the_callback_once(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """However often the gateway lists it, a delivery is handed over once, also after a restart."""
    gateway.messages = [message("q7z"), message("q7z")]
    first, listener = make_client(messages=SOON), Listener()
    first.on("message", listener)
    listener.wait_for(1)
    first.shutdown()
    gateway.messages.append(message("q8a"))
    second, later = make_client(messages=SOON), Listener()
    second.on("message", later)

    assert later.wait_for(1) == ["q8a"]
    assert [each.delivery_id for each in listener.got] == ["q7z"]
    assert listener.got[0].title == "Welcome"
    assert listener.got[0].content["buttons"] == [{"text": "Show"}]


def test_what_happens_to_a_message_is_reported(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Received, displayed, clicked, dismissed are events; a dismissed card leaves the inbox."""
    gateway.cards = [message("q7z")]
    fp, listener = make_client(messages=SOON), Listener()
    fp.on("card", listener)
    listener.wait_for(1)
    (got,) = listener.got
    got.displayed()
    got.clicked("open")
    kept = [each.delivery_id for each in fp.inbox.list()]
    got.dismissed()
    fp.flush()
    told = [e for e in gateway.events.values() if e["type"] in {"receipt", "engagement"}]

    assert [e.get("status") or e["action"] for e in told] == [
        *("received", "displayed", "clicked", "dismissed")
    ]
    assert told[2]["button"] == "open"
    assert kept == ["q7z"]
    assert fp.inbox.list() == ()


def test_nobody_listens_nothing_is_asked(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Without callback, inbox or messages there is no poll."""
    fp = make_client(messages=SOON)
    fp.track("a")
    fp.flush()

    assert {request.path for request in gateway.requests} == {"/v1/batch"}


def test_pending_messages_wait_for_a_callback(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Headless use: pending shows them in order of priority; a later callback is given them."""
    gateway.messages = [message("low"), message("high", priority=50)]
    fp, listener = make_client(messages=SOON), Listener()
    assert fp.messages.pending() == ()
    gateway.wait_for(lambda: gateway.kinds().count("receipt") == 2)
    pending = [each.delivery_id for each in fp.messages.pending()]
    fp.on("message", listener)
    first = listener.wait_for(1)
    left = [each.delivery_id for each in fp.messages.pending()]
    listener.got[0].dismissed()

    assert (pending, first, left) == (["high", "low"], ["high"], ["low"])
    assert listener.wait_for(2) == ["high", "low"]
    assert fp.messages.pending() == ()


def test_a_message_past_its_time_is_not_shown(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """After ``show_until`` it is reported as unshown, which gives its cap slot back."""
    gateway.messages = [message("late", show_until="2020-01-01T00:00:00.000Z"), message("good")]
    fp, listener = make_client(messages=SOON), Listener()
    fp.on("message", listener)

    assert listener.wait_for(1) == ["good"]
    gateway.wait_for(
        lambda: any(
            (e.get("delivery_id"), e.get("status"), e.get("reason"))
            == ("late", "unshown", "expired")
            for e in gateway.events.values()
        )
    )


def test_an_unchanged_list_is_not_sent_again(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """The poll carries cursor and ETag; 304 is enough of an answer."""
    gateway.messages = [message("q7z")]
    fp = make_client(messages=SOON)
    fp.inbox.list()
    gateway.wait_for(lambda: sum(r.method == "GET" for r in gateway.requests) >= 3)
    polls = [request for request in gateway.requests if request.method == "GET"]

    assert polls[0].path == "/v1/messages?after="
    assert "If-None-Match" not in polls[0].headers
    assert polls[2].path == "/v1/messages?after=1"
    assert polls[2].headers["If-None-Match"] == '"m-1"'


def test_a_hint_spares_the_wait(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """A batch's answer that names another state of the messages is followed at once."""
    fp, listener = make_client(messages=Messages(poll_s=3600, stream=False)), Listener()
    fp.on("message", listener)
    gateway.wait_for(lambda: any(r.method == "GET" for r in gateway.requests))
    gateway.messages = [message("q7z")]
    gateway.hints = {"messages": '"m-1"'}
    fp.track("a", priority="now")

    assert listener.wait_for(1) == ["q7z"]


def test_a_broken_list_harms_nothing(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Garbage, and entries that name no delivery, are passed over."""
    gateway.script.append(Scripted(200, b"<html>"))
    gateway.messages = [{"content": 1}, message("q7z", content="?")]
    fp, listener = make_client(messages=SOON, consent=None), Listener()
    fp.on("message", listener)

    assert listener.wait_for(1) == ["q7z"]
    assert listener.got[0].title == ""
    assert fp.stats().faults == 0


def test_reset_empties_the_inbox_and_shows_nothing_twice(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """The next person does not see the last one's messages, nor asks for them in their name."""
    gateway.messages = [message("q7z")]
    fp = make_client(messages=SOON)
    fp.inbox.list()
    gateway.wait_for(lambda: gateway.kinds().count("receipt") == 1)
    fp.reset()
    asks_again_ms = fp._core.poll_due_ms  # noqa: SLF001 - nobody else can see when it asks
    with gateway.changed:
        asked_before = len(gateway.requests)
    fp.set_consent({"collect": "y"})
    gateway.wait_for(lambda: gateway.requests[-1].path == "/v1/messages?after=1")
    with gateway.changed:
        since = gateway.requests[asked_before:]
    old = next(gateway.batches()).batch["who"]["anonymous_id"]
    heard = next(
        n
        for n, r in enumerate(since)
        if r.path == "/v1/batch" and r.batch["who"]["anonymous_id"] != old
    )

    assert asks_again_ms is None
    assert not any(request.path.startswith("/v1/messages") for request in since[:heard])
    assert fp.inbox.list() == ()


def receipts(gateway: GatewayDouble, *, of: str) -> list[str]:
    """Give what was told of a delivery, in order, but that it came."""
    told = [e for e in gateway.events.values() if e.get("delivery_id") == of]
    words = [e.get("reason") or e.get("status") or e["action"] for e in told]
    return [word for word in words if word != "received"]


@pytest.mark.feature("C01")
def test_two_at_once_queue_by_priority(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """One is on the screen; the second comes when the first was closed, and none is dropped."""
    gateway.messages = [message("b"), message("c", priority=9), message("a", priority=70)]
    fp, listener = make_client(messages=SOON), Listener()
    fp.messages.pause()
    fp.on("message", listener)
    gateway.wait_for(lambda: gateway.kinds().count("receipt") == 3)
    paused = list(listener.got)
    fp.messages.resume()
    one = listener.wait_for(1)
    fp.messages.show("b")
    asked = listener.wait_for(2)
    listener.got[0].dismissed()
    listener.got[1].clicked()

    assert (paused, one, asked) == ([], ["a"], ["a", "b"])
    assert listener.wait_for(3) == ["a", "b", "c"]


def test_what_nobody_ends_holds_the_screen_for_a_while(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """A host that never says that a message is over gets the next one after ``hold_s``."""
    gateway.messages = [message("a"), message("b")]
    settings = Messages(poll_s=0.05, stream=False, gap_s=0.02, hold_s=0.05)
    fp, listener = make_client(messages=settings), Listener()
    fp.on("message", listener)

    assert listener.wait_for(2) == ["a", "b"]


@pytest.mark.feature("C01")
def test_the_host_has_a_veto(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """``later`` waits for the next occasion; ``discard`` gives the slot back."""
    gateway.messages = [message("a"), message("b"), message("c")]
    fp, listener = make_client(messages=SOON), Listener("later", "discard", "show")
    fp.on("message", listener)
    first = listener.wait_for(3)
    listener.got[2].dismissed()
    gateway.wait_for(lambda: receipts(gateway, of="b") == ["discarded"])
    waits = [each.delivery_id for each in fp.messages.pending()]
    fp.foreground()

    assert (first, waits) == (["a", "b", "c"], ["a"])
    assert listener.wait_for(4)[3:] == ["a"]
    assert receipts(gateway, of="a") == []


def test_a_callback_that_raises_means_later(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """The message is not lost: it waits, also for the next run of the app."""
    gateway.messages = [message("a")]
    fp = make_client(messages=SOON)
    raised = threading.Event()

    def broken(_: Message) -> None:
        raised.set()
        raise RuntimeError("host")

    fp.on("message", broken)
    assert raised.wait(10)
    fp.shutdown()
    again, listener = make_client(messages=SOON), Listener()
    again.on("message", listener)

    assert listener.wait_for(1) == ["a"]


@pytest.mark.feature("C01")
@pytest.mark.parametrize(
    ("show", "ends", "runs"),
    [
        ({"frequency": "once"}, "dismissed", [True, False]),
        ({"frequency": "once"}, "", [True, False]),
        ({"frequency": "always"}, "clicked", [True, True, True]),
        ({"frequency": "until_clicked"}, "dismissed", [True, True, True]),
        ({"frequency": "until_clicked"}, "clicked", [True, False]),
        ({"frequency": "times", "times": 2, "per_s": 9999}, "dismissed", [True, True, False]),
        ({"frequency": "times", "times": "2"}, "dismissed", [True, False]),
        ({"frequency": "sometimes"}, "dismissed", [True, False]),
    ],
)
def test_how_often_it_is_shown_survives_restarts(
    gateway: GatewayDouble,
    make_client: MakeClient,
    show: dict[str, Any],
    ends: str,
    runs: list[bool],
) -> None:
    """Each start of the app is an occasion; what has used up its showings is not handed again."""
    gateway.messages = [message("a", show=show)]
    seen = []
    for number, _ in enumerate(runs):
        gateway.messages.append(message(f"z{number}", priority=-1))  # comes behind, if a comes
        fp, listener = make_client(messages=SOON), Listener()
        fp.on("message", listener)
        listener.wait_for(1)
        first = listener.got[0]
        seen.append(first.delivery_id == "a")
        first.displayed()
        if ends:
            getattr(first, ends)()
        fp.shutdown()

    assert seen == runs


@pytest.mark.feature("C02")
def test_cards_stay_and_are_counted(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Pinned first, then by priority; the badge counts what no device of the person has shown."""
    gateway.messages = [message("m")]
    gateway.cards = [
        *(message("a", layout="card"), message("b", layout="card", priority=9)),
        *(message("p", layout="card", pinned=True), message("r", layout="card", read=True)),
        message("x", layout="card", show_until="2020-01-01T00:00:00.000Z"),
    ]
    fp = make_client(messages=SOON)
    fp.inbox.list()
    gateway.wait_for(lambda: gateway.kinds().count("receipt") == 6)
    listed = [(card.delivery_id, card.is_read) for card in fp.inbox.list()]
    before = fp.inbox.unread
    fp.inbox.mark_read("a")
    fp.inbox.mark_read("a")
    fp.inbox.dismiss("b")
    fp.flush()

    assert listed == [("p", False), ("b", False), ("a", False), ("r", True)]
    assert (before, fp.inbox.unread) == (3, 1)
    assert [card.delivery_id for card in fp.inbox.list()] == ["p", "a", "r"]
    assert [receipts(gateway, of=each) for each in "ab"] == [["displayed"], ["dismissed"]]


@pytest.mark.feature("C02")
def test_what_another_device_did_is_heard(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """A card read there is read here, one that is gone leaves; callbacks are told of both."""
    gateway.cards = [message("a", layout="card"), message("b", layout="card")]
    gateway.messages = [message("m"), message("n", priority=9)]
    fp, cards, shown = make_client(messages=SOON), Listener(), Listener()
    fp.on("card", cards)
    cards.wait_for(2)
    fp.on("message", shown)
    shown.wait_for(1)
    gateway.cards[0]["read"] = True
    gateway.retracted = ["b", "m", "never seen"]
    gateway.lists += 1
    told = cards.wait_for(4)[2:]
    news = {card.delivery_id: (card.is_read, card.is_gone) for card in cards.got[2:]}

    assert sorted(told) == ["a", "b"]
    assert news == {"a": (True, False), "b": (False, True)}
    assert [card.delivery_id for card in fp.inbox.list()] == ["a"]
    assert fp.inbox.unread == 0
    assert fp.messages.pending() == ()


def test_a_store_of_the_release_before_is_read_on(
    gateway: GatewayDouble, make_client: MakeClient, tmp_path: Path
) -> None:
    """An upgrade of the app loses neither what is queued nor what was shown."""
    gateway.messages = [message("a")]
    gateway.refuse = lambda r: problem(503, "overload") if r.path == "/v1/batch" else None
    fp, listener = make_client(messages=SOON), Listener()
    fp.on("message", listener)
    listener.wait_for(1)
    device_id = fp.device_id
    fp.shutdown(0)
    (path,) = tmp_path.glob("data/**/queue.db")
    db = sqlite3.connect(path)
    for column in ("is_pinned", "is_read", "shown"):
        db.execute(f"ALTER TABLE message DROP COLUMN {column}")
    db.execute("PRAGMA user_version=1")
    db.commit()
    db.close()
    gateway.refuse = lambda _: None
    gateway.messages.append(message("b"))
    later, again = make_client(messages=SOON), Listener()
    later.on("message", again)

    assert later.device_id == device_id
    assert again.wait_for(1) == ["b"]
    gateway.wait_for(lambda: gateway.kinds().count("receipt") == 2)
