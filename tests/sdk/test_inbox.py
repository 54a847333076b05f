from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fencepost_sdk import Message, Messages
from sdk.gateway_double import Scripted

if TYPE_CHECKING:
    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble

SOON = Messages(poll_s=0.05)


def message(delivery_id: str, **more: Any) -> dict[str, Any]:
    """Make a message as the gateway sends it."""
    content = {"title": "Welcome", "body": "Your mat is ready.", "buttons": [{"text": "Show"}]}
    return {"delivery_id": delivery_id, "layout": "modal", "content": content, **more}


class Listener:
    """Keeps the messages it is given and can be waited for."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self._changed = threading.Condition()

    def __call__(self, got: Message) -> None:
        """Take one."""
        with self._changed:
            self.got.append(got)
            self._changed.notify_all()

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
    """Received, displayed, clicked, dismissed are events; a dismissed one leaves the inbox."""
    gateway.messages = [message("q7z")]
    fp, listener = make_client(messages=SOON), Listener()
    fp.on("message", listener)
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

    assert pending == ["high", "low"]
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
    fp, listener = make_client(messages=Messages(poll_s=3600)), Listener()
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
