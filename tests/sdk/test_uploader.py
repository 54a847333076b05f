from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_sdk.answer import Reply
from fencepost_sdk.limits import Limits
from fencepost_sdk.uploader import Item, Upload, Uploader, View, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

STREAM = "s"


def item(seq: int, *, size: int = 100, envelope: int = 1) -> Item:
    """Make an event of the one stream."""
    return Item(seq, STREAM, seq, size, envelope)


def ruled(accepted: list[list[int]], others: list[dict[str, Any]]) -> Reply:
    """Make a well-formed answer."""
    verdicts = {"stream": STREAM, "accepted": accepted, "others": others}
    return Reply(200, json.dumps({"v": 1, "ack": "os", "verdicts": verdicts}).encode())


def malformed() -> Reply:
    """Make the answer to a body that is not JSON."""
    return Reply(400, b'{"code": "malformed"}')


def drive(
    queue: dict[int, Item],
    answer: Callable[[Upload], Reply | None],
    *,
    turns: int,
    urgent: frozenset[int] = frozenset(),
) -> tuple[list[Upload], dict[int, str], list[int]]:
    """Run the uploader on a queue; give uploads, verdicts by key, and what was set aside."""
    uploader, now_ms = Uploader(Limits()), 0
    uploads: list[Upload] = []
    ended: dict[int, str] = {}
    aside: list[int] = []
    for _ in range(turns):
        waiting = list(queue.values())
        view = View(
            urgent=[each for each in waiting if each.key in urgent],
            ready=[each for each in waiting if each.key not in urgent][:100],
            events=len(waiting),
            is_wanted=True,
        )
        step = uploader.next(view, now_ms)
        if isinstance(step, Wait):
            now_ms = step.until_ms
            continue
        if not isinstance(step, Upload):
            break
        assert not {each.key for each in step.items} & (set(ended) | set(aside))
        uploads.append(step)
        effects = uploader.done(step, answer(step), 0.5, now_ms)
        for each in effects.decided:
            assert each.key not in ended
            ended[each.key] = each.verdict
        aside += effects.quarantined
        for key in (*ended, *aside):
            queue.pop(key, None)
    return uploads, ended, aside


REPLIES = st.sampled_from(
    [
        None,
        malformed(),
        Reply(413, b""),
        Reply(500, b""),
        Reply(429, b"", 3.0),
        Reply(401, b'{"code": "key_unknown"}'),
        Reply(200, b"<html>hello</html>"),
        Reply(302, b""),
        ruled([], []),
    ]
)
VERDICTS = st.sampled_from(["accepted", "duplicate", "conflict", "rejected", "retry", "", "odd"])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), events=st.integers(1, 40))
def test_uploader_neither_loses_nor_repeats_under_any_answers(
    data: st.DataObject, events: int
) -> None:
    """Every event is queued, set aside or decided, exactly one of them; decided is never resent."""
    given_keys = set(range(1, events + 1))
    queue = {seq: item(seq, envelope=data.draw(st.integers(1, 2))) for seq in given_keys}

    def answer(upload: Upload) -> Reply | None:
        if data.draw(st.booleans()):
            return data.draw(REPLIES)
        others = []
        for each in upload.items:
            verdict = data.draw(VERDICTS)
            if verdict:
                others.append({"seq": each.seq, "verdict": verdict, "code": "x"})
        return ruled([], others)

    urgent = frozenset(seq for seq in given_keys if seq % 7 == 0)
    uploads, ended, aside = drive(queue, answer, turns=60, urgent=urgent)

    assert set(queue) | set(ended) | set(aside) == given_keys
    assert len(queue) + len(ended) + len(aside) == events
    assert set(ended.values()) <= {"accepted", "duplicate", "conflict", "rejected"}
    for upload in uploads:
        assert len({each.envelope for each in upload.items}) == 1
        assert [each.seq for each in upload.items] == sorted(each.seq for each in upload.items)
        assert all((each.key in urgent) == upload.is_consent for each in upload.items)


@pytest.mark.guarantee("R5")
@pytest.mark.parametrize("bad", [1, 2, 50, 100, 101, 313, 500])
def test_halving_isolates_one_bad_event_in_few_requests(bad: int) -> None:
    """499 of 500 are stored within 20 requests and the bad one is set aside, wherever it stands."""
    queue = {seq: item(seq) for seq in range(1, 501)}

    def answer(upload: Upload) -> Reply:
        seqs = [each.seq for each in upload.items]
        return malformed() if bad in seqs else ruled([[min(seqs), max(seqs)]], [])

    uploads, ended, aside = drive(queue, answer, turns=200)

    assert aside == [bad]
    assert len(ended) == 499
    assert len(uploads) <= 20


@settings(max_examples=40, deadline=None)
@given(bad=st.sets(st.integers(1, 60), max_size=6))
def test_halving_sets_aside_the_bad_and_only_the_bad(bad: set[int]) -> None:
    """However many are bad: they are set aside, the others arrive."""
    queue = {seq: item(seq) for seq in range(1, 61)}

    def answer(upload: Upload) -> Reply:
        seqs = [each.seq for each in upload.items]
        return malformed() if bad & set(seqs) else ruled([[seq, seq] for seq in seqs], [])

    _, ended, aside = drive(queue, answer, turns=400)

    assert set(aside) == bad
    assert set(ended) == set(range(1, 61)) - bad


def test_a_result_is_taken_once() -> None:
    """A result that belongs to no request in flight is a mistake of the shell."""
    uploader = Uploader(Limits())
    upload = uploader.next(View(ready=[item(1)], events=1, is_wanted=True), 0)
    assert isinstance(upload, Upload)
    uploader.done(upload, None, 0.5, 0)

    with pytest.raises(ValueError, match="in flight"):
        uploader.done(upload, None, 0.5, 0)


@settings(max_examples=60, deadline=None)
@given(failures=st.integers(1, 2_000), chance=st.floats(0, 1, exclude_max=True))
def test_back_off_stays_between_a_tenth_and_five_minutes(failures: int, chance: float) -> None:
    """Any number of failures: the delay stays inside its bounds, and the event stays queued."""
    uploader, now_ms = Uploader(Limits()), 0
    view = View(ready=[item(1)], events=1, is_wanted=True)
    for _ in range(failures):
        upload = uploader.next(view, now_ms)
        assert isinstance(upload, Upload)
        effects = uploader.done(upload, None, chance, now_ms)
        assert not effects.decided
        delay_ms = uploader.not_before_ms - now_ms
        assert 99 <= delay_ms <= 300_000
        now_ms = uploader.not_before_ms
