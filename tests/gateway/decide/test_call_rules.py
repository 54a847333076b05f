"""Calls, pure: what is put into an address, when a call is made again, when a source is spared."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide import journey_words
from fencepost_gateway.decide.calls import (
    FAILURES,
    RETRIED,
    Call,
    CallKind,
    asks_of,
    call_id_of,
    called,
    filled,
    fills_of,
    reply_to,
)
from fencepost_gateway.decide.hosts import is_public
from fencepost_gateway.decide.looked import (
    LEVELS_MAX,
    VALUE_MAX_BYTES,
    VALUES_MAX_BYTES,
    Looked,
    fault_of,
    has_room,
)
from fencepost_gateway.decide.retries import WEBHOOK_MS, Tried, again_ms
from gateway.decide.builders import NOON_MS

CALL = Call("c-1", "r-1", "p-1", "journey", "step", "crm", "look_up", NOON_MS)
HOOK = structs.replace(CALL, kind="webhook")
URL = "https://a.example.com/x/{event.a}{event.b}/y?q={value.c.d}&r=1"
DOWN, FINE = Tried("no_connection"), Tried(status=200)


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_what_is_filled_in_changes_neither_host_nor_way_nor_query(a: str, b: str, c: str) -> None:
    """Whatever stands for a place stays in it; what could go up the way is not filled in."""
    fills = fills_of(URL, {"event": {"a": a, "b": b}, "value": {"c": {"d": c or 1}}})
    try:
        a.encode(), b.encode(), c.encode()
    except UnicodeEncodeError:
        return
    assert isinstance(fills, dict)
    url = filled(URL, fills)
    if not url:
        assert a + b in {".", ".."}
        return
    parts = urlsplit(url)

    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "a.example.com", "")
    assert [unquote(each) for each in parts.path.split("/")] == ["", "x", a + b, "y"]
    assert [unquote(each) for each in parts.query.split("&")] == [f"q={c or 1}", "r=1"]


@pytest.mark.parametrize("value", [None, "", [], {"x": 1}, "x" * 257])
def test_place_that_nothing_is_known_of_is_named(value: Any) -> None:
    """A list, nothing, or a text without end is no part of an address."""
    assert fills_of(URL, {"event": {"a": "x", "b": value}}) == "event.b"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (0, "0"), (1.5, "1.5"), ("a b", "a b")]
)
def test_numbers_and_flags_are_filled_in_as_json_has_them(value: Any, text: str) -> None:
    """What an author would write."""
    assert fills_of("https://a.b/{person.x}", {"person": {"x": value}}) == {"person.x": text}


def test_call_is_named_by_run_step_and_time() -> None:
    """A repeat has the same id; another step, pass, run or workspace has another."""
    parts = [("w", "r", "s", 1), ("w", "r", "s", 2), ("w", "r", "t", 1), ("v", "r", "s", 1)]

    assert len({call_id_of(*each) for each in parts}) == 4
    assert call_id_of(*parts[0]) == call_id_of(*parts[0])


def test_the_same_question_has_one_name_whoever_asks() -> None:
    """By kind, source and what is filled in."""
    same = structs.replace(CALL, call_id="c-2", person_id="p-2", run_id="r-2", step_id="t")
    others = [structs.replace(CALL, source_id="x"), structs.replace(CALL, fills={"event.a": "1"})]

    assert asks_of(same) == asks_of(CALL)
    assert len({asks_of(each) for each in (CALL, HOOK, *others)}) == 4


def test_record_of_a_webhook_holds_nothing_of_what_was_said() -> None:
    """Neither what was told nor what was answered."""
    told = called(reply_to(HOOK, NOON_MS, 2, value="secret", failure="bad_status", status=400))

    assert "secret" not in repr(told)
    assert (told["attempt"], told["status"], told["failure"]) == (2, 400, "bad_status")


def test_value_is_bounded() -> None:
    """One by size and depth, all of a run's together; its own old value does not count."""
    deep: Any = 1
    for _ in range(LEVELS_MAX):
        deep = [deep]
    big = Looked("x" * (VALUE_MAX_BYTES - 100), "s", 0)
    held = {"a": big, "b": big}

    assert (fault_of(deep), fault_of([deep])) == ("", "too_deep")
    assert (fault_of("x" * (VALUE_MAX_BYTES - 3)), fault_of("x" * VALUE_MAX_BYTES)) == (
        "", "too_large"
    )  # fmt: skip
    assert 2 * VALUE_MAX_BYTES == VALUES_MAX_BYTES
    assert (has_room(held, "c", big.value), has_room(held, "a", big.value)) == (False, True)


def test_every_failure_has_its_words() -> None:
    """What is retried is known, and all of it can be said in both languages."""
    assert set(journey_words.FAILED) == set(FAILURES)
    assert set(FAILURES) > RETRIED
    assert set(get_args(CallKind)) == {"look_up", "webhook"}


@pytest.mark.parametrize("failure", sorted(set(FAILURES) - RETRIED))
def test_what_will_not_pass_is_not_tried_again(failure: str) -> None:
    """A refusal stays one."""
    assert again_ms(HOOK, Tried(failure), 1, NOON_MS, 5_000, NOON_MS) is None


def test_look_up_is_tried_for_its_timeout_and_a_webhook_for_an_hour() -> None:
    """Counted from when it was asked for."""
    at_ms = again_ms(CALL, DOWN, 1, NOON_MS, 5_000, NOON_MS)
    late = again_ms(CALL, DOWN, 1, NOON_MS, 5_000, NOON_MS + 4_999)
    hook = again_ms(HOOK, DOWN, 1, NOON_MS, 5_000, NOON_MS + 4_999)
    end = again_ms(HOOK, DOWN, 1, NOON_MS, 5_000, NOON_MS + WEBHOOK_MS - 1)

    assert at_ms is not None
    assert NOON_MS < at_ms <= NOON_MS + 2_000
    assert (late, end) == (None, None)
    assert hook is not None


def test_retry_after_is_a_lower_bound() -> None:
    """Who asks us to come later is not asked earlier."""
    asked = Tried("unavailable", 503, retry_after_s=60.0)

    at_ms = again_ms(HOOK, asked, 1, NOON_MS, 5_000, NOON_MS)

    assert at_ms == NOON_MS + 60_000
    assert again_ms(CALL, asked, 1, NOON_MS, 5_000, NOON_MS) is None


def test_what_is_no_address_is_not_public() -> None:
    """Whoever says it is one is not believed."""
    assert [is_public(each) for each in ("", "example.com", "1.1.1", "8.8.8.8%x")] == [
        False, False, False, True
    ]  # fmt: skip
