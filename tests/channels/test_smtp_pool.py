from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from doubles.smtp import DROP, SILENCE, Mta
from fencepost_channels.addresses import Mailbox
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Send
from fencepost_channels.drivers.email import connect
from fencepost_channels.email_settings import parse_settings
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import EmailContent, Outgoing, Purpose
from fencepost_channels.smtp_call import Envelope, Relay
from fencepost_channels.smtp_pool import Pool

TO = Mailbox("sora@example.com")
DEAD = Mailbox("dead@example.com")
MESSAGE = Outgoing(DELIVERY_ID, Purpose.TRANSACTIONAL, EmailContent("Hi", "Text"), ttl_s=900)


@pytest.fixture
async def send(mta: Mta, patient: Lent) -> AsyncIterator[Send]:
    """The driver, open, with one connection that has been used."""
    async with connect(parse_settings({**mta.settings, "connections": "1"}), patient) as send:
        assert await send(MESSAGE, TO) == Sent()
        yield send


async def test_opening_calls_nobody(mta: Mta, patient: Lent) -> None:
    """A driver that is opened and closed again has not called the relay."""
    async with connect(parse_settings(mta.settings), patient):
        pass

    assert mta.connections == 0


async def test_connection_serves_one_message_after_the_other(send: Send, mta: Mta) -> None:
    """Messages go over the connection that is there, with nothing between them."""
    outcomes = [await send(MESSAGE, TO) for _ in range(4)]

    assert outcomes == [Sent()] * 4
    assert mta.connections == 1
    assert [phase for _, phase in mta.said if phase in {"ehlo", "rset"}] == ["ehlo"]


async def test_no_more_connections_than_set(mta: Mta, patient: Lent) -> None:
    """Messages at the same time share the connections there may be; none is lost."""
    settings = parse_settings({**mta.settings, "connections": "3"})
    async with connect(settings, patient) as send:
        outcomes = await asyncio.gather(*(send(MESSAGE, TO) for _ in range(40)))

    assert outcomes == [Sent()] * 40
    assert len(mta.received) == 40
    assert mta.connections == 3


async def test_closing_takes_leave(mta: Mta, patient: Lent) -> None:
    """A driver that is closed says QUIT on every connection it has kept."""
    async with connect(parse_settings({**mta.settings, "connections": "2"}), patient) as send:
        await asyncio.gather(send(MESSAGE, TO), send(MESSAGE, TO))

    assert sorted(number for number, phase in mta.said if phase == "quit") == [1, 2]


async def test_refusal_is_reset(send: Send, mta: Mta) -> None:
    """A refused recipient costs neither the connection nor the next message, in either order."""
    mta.recipients[DEAD.address] = "550 5.1.1 no such user"

    outcomes = [await send(MESSAGE, to) for to in (DEAD, TO, DEAD, DEAD, TO)]

    gone = Gone("hard_bounce")
    assert outcomes == [gone, Sent(), gone, gone, Sent()]
    assert mta.connections == 1
    assert [mail.recipients for mail in mta.received] == [(TO.address,)] * 3


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        ("mail", "451 later", Unavailable("deferred")),
        ("mail", "550 5.7.1 not your domain", Misconfigured("sender_refused")),
        ("rcpt", "421 shutting down", Unavailable("deferred")),
        ("rcpt", "530 log in first", Misconfigured("auth_refused")),
        ("rcpt", "550 5.1.1 no such user", Gone("hard_bounce")),
        ("rcpt", SILENCE, Unavailable("connection_lost")),
        ("rcpt", DROP, Unavailable("connection_lost")),
        ("data", "554 no", Rejected("message_refused")),
        ("data", SILENCE, Unavailable("connection_lost")),
        ("data", DROP, Unavailable("connection_lost")),
        ("dot", "451 4.7.1 later", Unavailable("deferred")),
        ("dot", "554 5.7.1 spam", Rejected("message_refused")),
        ("dot", "354 what", Unknown("no_answer")),
        ("dot", "what", Unknown("no_answer")),
        ("dot", SILENCE, Unknown("no_answer")),
        ("dot", DROP, Unknown("no_answer")),
    ],
)
async def test_kept_connection_is_judged_like_a_fresh_one(
    send: Send, mta: Mta, phase: str, reply: str, outcome: Outcome
) -> None:
    """Replies and silences mean the same on a connection that was used before; the next goes."""
    mta.script[phase] = reply
    seen = await send(MESSAGE, TO)
    mta.script.clear()

    assert seen == outcome
    assert await send(MESSAGE, TO) == Sent()
    assert len(mta.received) == 2


async def test_reply_that_comes_too_late_is_nobody_elses(mta: Mta, lent: Lent) -> None:
    """A connection on which a reply is missing is never used again."""
    mta.scripts[1] = {"rcpt": SILENCE}
    async with connect(parse_settings({**mta.settings, "connections": "1"}), lent) as send:
        await send(MESSAGE, TO)

        assert await send(MESSAGE, TO) == Sent()
    assert mta.connections == 2


async def test_connection_that_was_hung_up_is_replaced(send: Send, mta: Mta) -> None:
    """A connection that the relay ended while nothing was sent costs nothing."""
    mta.hang_up()

    assert await send(MESSAGE, TO) == Sent()
    assert mta.connections == 2


@pytest.mark.parametrize("reply", [DROP, SILENCE, "421 4.4.2 idle for too long"])
async def test_connection_that_takes_no_message_is_replaced_once(
    send: Send, mta: Mta, reply: str
) -> None:
    """Where MAIL finds a kept connection dead, a fresh one takes the message."""
    mta.scripts[1] = {"mail": reply}

    assert await send(MESSAGE, TO) == Sent()
    assert mta.connections == 2


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [(DROP, Unavailable("connection_lost")), ("421 busy", Unavailable("deferred"))],
)
async def test_fresh_connection_that_takes_no_message_is_judged(
    send: Send, mta: Mta, reply: str, outcome: Outcome
) -> None:
    """One replacement and no more: a relay that takes nothing is unavailable."""
    mta.script["mail"] = reply

    assert await send(MESSAGE, TO) == outcome
    assert mta.connections == 2


async def test_relays_own_limit_is_followed(send: Send, mta: Mta) -> None:
    """A relay that takes three messages a connection gets seven over three."""
    mta.messages_max = 3

    outcomes = [await send(MESSAGE, TO) for _ in range(6)]

    assert outcomes == [Sent()] * 6
    assert mta.connections == 3


async def test_limit_that_is_set_is_kept(mta: Mta, patient: Lent) -> None:
    """With a limit of our own the connection ends with QUIT before the relay has to say so."""
    settings = parse_settings({**mta.settings, "messages_per_connection": "2"})
    async with connect(settings, patient) as send:
        for _ in range(4):
            assert await send(MESSAGE, TO) == Sent()

    assert [number for number, phase in mta.said if phase == "mail"] == [1, 1, 2, 2]


async def test_who_waits_too_long_was_not_sent(mta: Mta, lent: Lent) -> None:
    """A message that got no connection within its time was not sent, and says so."""
    mta.script["dot"] = SILENCE
    async with connect(parse_settings({**mta.settings, "connections": "1"}), lent) as send:
        first, second = await asyncio.gather(send(MESSAGE, TO), send(MESSAGE, TO))

    assert first == Unknown("no_answer")
    assert second == Unavailable("no_connection")


async def test_who_waited_half_its_time_is_not_begun(mta: Mta) -> None:
    """A conversation is not begun with little time left: it would end as unknown."""
    mta.scripts[1] = {"rcpt": SILENCE}
    relay = Relay(mta.host, mta.port, "none", trust=None, username=None, password=None)
    pool = Pool(relay, connections=1, messages=100)
    envelope = Envelope("hello@shop.example", TO.address, b"Subject: Hi\r\n\r\nText\r\n")
    first, second = await asyncio.gather(
        pool.hand_over(envelope, 0.6), pool.hand_over(envelope, 1.0)
    )
    await pool.close()

    assert (first, second) == (Unavailable("connection_lost"), Unavailable("no_connection"))
    assert mta.connections == 1


async def test_account_that_is_refused_logs_in_anew(send: Send, mta: Mta) -> None:
    """A relay that has forgotten who we are gets no more messages on that connection."""
    mta.scripts[1] = {"mail": "530 5.7.0 log in first"}

    outcomes = [await send(MESSAGE, TO), await send(MESSAGE, TO)]

    assert outcomes == [Misconfigured("auth_refused"), Sent()]
    assert mta.connections == 2


async def test_cancelled_message_leaves_no_connection(send: Send, mta: Mta) -> None:
    """A call that is cancelled mid-way ends its connection; the next has another."""
    mta.scripts[1] = {"data": SILENCE}
    call = asyncio.ensure_future(send(MESSAGE, TO))
    while (1, "data") not in mta.said[5:]:  # noqa: ASYNC110 - the relay is in another thread
        await asyncio.sleep(0.005)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await send(MESSAGE, TO) == Sent()
    assert mta.connections == 2


async def test_old_relay_without_ehlo_is_greeted_as_it_wants(mta: Mta, patient: Lent) -> None:
    """A relay that knows HELO alone gets HELO."""
    mta.script["ehlo"] = "502 what is that"
    async with connect(parse_settings(mta.settings), patient) as send:
        outcome = await send(MESSAGE, TO)

    assert outcome == Sent()
