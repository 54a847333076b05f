"""Tickets: who has one has the link of a message, and nothing else opens it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.ids import derive
from fencepost_gateway.intake.tickets import read_ticket, write_ticket

MESSAGE = derive("message", "m")


def test_ticket_gives_its_message_and_says_nothing_else() -> None:
    """An id made from a cause, and a mac: no person, no address."""
    ticket = write_ticket("seed", MESSAGE)

    assert read_ticket("seed", ticket) == MESSAGE
    assert ticket.startswith(f"{MESSAGE}.")
    assert len(ticket) == len(MESSAGE) + 1 + 22


@pytest.mark.parametrize("text", ["", ".", "x", MESSAGE, f"{MESSAGE}.", f"{MESSAGE}.{'A' * 22}"])
def test_what_we_did_not_write_opens_nothing(text: str) -> None:
    """Also where it names a message that there is."""
    assert read_ticket("seed", text) == ""


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever stands in the address is read, or is nothing."""
    assert read_ticket("seed", text) == ""


def test_ticket_of_another_workspace_opens_nothing() -> None:
    """The key is made from the seed."""
    assert read_ticket("seed", write_ticket("other", MESSAGE)) == ""
