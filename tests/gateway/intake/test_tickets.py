"""Tickets: who has one has the link of a message, and nothing else opens it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.ids import derive
from fencepost_gateway.intake.tickets import (
    read_return_token,
    read_ticket,
    write_return_token,
    write_ticket,
)

MESSAGE = derive("message", "m")


def test_ticket_gives_its_message_and_says_nothing_else() -> None:
    """An id made from a cause, and a mac: no person, no address."""
    ticket = write_ticket("seed", "confirm", MESSAGE)

    assert read_ticket("seed", "confirm", ticket) == MESSAGE
    assert ticket.startswith(f"{MESSAGE}.")
    assert len(ticket) == len(MESSAGE) + 1 + 22


@pytest.mark.parametrize("text", ["", ".", "x", MESSAGE, f"{MESSAGE}.", f"{MESSAGE}.{'A' * 22}"])
def test_what_we_did_not_write_opens_nothing(text: str) -> None:
    """Also where it names a message that there is."""
    assert read_ticket("seed", "confirm", text) == ""


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever stands in the address is read, or is nothing."""
    assert read_ticket("seed", "confirm", text) == ""


def test_ticket_of_another_workspace_opens_nothing() -> None:
    """The key is made from the seed."""
    assert read_ticket("seed", "confirm", write_ticket("other", "confirm", MESSAGE)) == ""


def test_ticket_of_one_door_opens_no_other() -> None:
    """Who can tell that a message was opened can unsubscribe nobody."""
    assert read_ticket("seed", "unsubscribe", write_ticket("seed", "open", MESSAGE)) == ""


def test_return_token_survives_what_mail_servers_do_to_it() -> None:
    """One word of 48 letters and digits, in whatever case it comes back."""
    token = write_return_token("seed", MESSAGE)

    assert len(token) == 48
    assert token.isalnum()
    assert read_return_token("seed", token) == MESSAGE
    assert read_return_token("seed", token.upper()) == MESSAGE


@given(st.text(max_size=80))
def test_forged_return_token_names_nothing(text: str) -> None:
    """Without the workspace's seed nobody can write one."""
    assert read_return_token("seed", text) == ""
    assert read_return_token("seed", MESSAGE + text) == ""
