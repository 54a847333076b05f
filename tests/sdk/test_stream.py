"""Messages that come by themselves: the SDK's reader of server-sent events."""

from __future__ import annotations

import json
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from fencepost_sdk import Messages
from sdk.gateway_double import STREAM, problem
from sdk.test_inbox import Listener, message

if TYPE_CHECKING:
    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble

BY_STREAM = Messages(poll_s=3600, gap_s=0)


def event(cursor: int, kind: str, data: dict[str, Any]) -> str:
    """Write one event."""
    return f"id: {cursor}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"


def opened(gateway: GatewayDouble) -> list[str]:
    """Give the streams that were asked for."""
    return [r.path for r in gateway.requests if r.path.startswith(STREAM)]


@pytest.mark.feature("C01")
def test_messages_come_by_themselves(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """At once and once, whatever stands between them; the next stream begins where this one was."""
    words: SimpleQueue[str] = SimpleQueue()
    gateway.stream = words
    fp, messages, cards = make_client(messages=BY_STREAM), Listener(), Listener()
    fp.on("message", messages)
    fp.on("card", cards)
    words.put("retry: 5000\n\n: ping\n\nevent: odd\ndata: {}\n\n")
    words.put(event(7, "card", message("c", layout="card"))[:9])
    words.put(event(7, "card", message("c", layout="card"))[9:])
    words.put("id: 8\nevent: message\ndata: no json\n\n")
    words.put(event(9, "message", message("a")) * 2)
    first = (messages.wait_for(1), cards.wait_for(1))
    words.put(event(10, "retract", {"delivery_id": "c"}))
    cards.wait_for(2)
    words.put("")
    gateway.wait_for(lambda: len(opened(gateway)) == 2)
    words.put(event(11, "message", message("b")))
    messages.got[0].dismissed()

    assert first == (["a"], ["c"])
    assert cards.got[1].is_gone
    assert opened(gateway) == [f"{STREAM}?after=", f"{STREAM}?after=10"]
    assert messages.wait_for(2) == ["a", "b"]
    words.put("")


def test_without_a_stream_the_list_is_asked(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """No place, an older gateway, a proxy: messages come by the poll."""
    gateway.refuse = lambda r: problem(503, "x") if r.path.startswith(STREAM) else None
    gateway.messages = [message("a")]
    fp, listener = make_client(messages=Messages(poll_s=0.05)), Listener()
    fp.on("message", listener)

    assert listener.wait_for(1) == ["a"]
    gateway.wait_for(lambda: len(opened(gateway)) >= 1)


def test_nobody_polls_while_a_stream_is_open(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """One stream spares the requests; when it ends the list is asked once at once."""
    words: SimpleQueue[str] = SimpleQueue()
    gateway.stream = words
    fp, listener = make_client(messages=Messages(poll_s=0.01)), Listener()
    fp.on("message", listener)
    gateway.wait_for(lambda: len(opened(gateway)) == 1)
    words.put(event(1, "message", message("a")))
    listener.wait_for(1)
    with gateway.changed:
        before = len(gateway.requests)
        since = gateway.changed.wait_for(
            lambda: any(r.method == "GET" for r in gateway.requests[before:]), 0.3
        )
    words.put("")

    assert not since
    gateway.wait_for(lambda: any(r.method == "GET" for r in gateway.requests[before:]))
    words.put("")


def test_a_reset_ends_the_stream(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """What was opened for who logs out tells nothing to who comes next."""
    words: SimpleQueue[str] = SimpleQueue()
    gateway.stream = words
    fp, listener = make_client(messages=BY_STREAM), Listener()
    fp.on("message", listener)
    gateway.wait_for(lambda: len(opened(gateway)) == 1)
    fp.reset()
    words.put(event(1, "message", message("theirs")))
    words.put("")
    fp.set_consent({"collect": "y"})
    gateway.wait_for(lambda: len(opened(gateway)) == 2)
    words.put(event(2, "message", message("own")))

    assert listener.wait_for(1) == ["own"]
    words.put("")
