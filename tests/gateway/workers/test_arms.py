"""Arms on the whole way: in every claim, and the same after an edit, a restart and a merge."""

from pathlib import Path
from typing import Any

from gateway.rig import OPEN_POLICY, Rig, captured, open_rig

DOCUMENTS = """
kind: campaign
id: hello
entry: {event: opened}
reentry: always
message: {template: {experiment: e, arms: {A: t-a, B: t-b}}, channels: [email]}
goal: none
---
kind: template
id: t-a
purpose: marketing
email: {subject: Arm A, text: Hello}
---
kind: template
id: t-b
purpose: marketing
email: {subject: Arm B, text: Hello}
"""
EVEN = "kind: experiment\nid: e\narms: {A: 50, B: 50}\n"
OTHER = {"A": "B", "B": "A"}
OPENED = {"type": "track", "name": "opened"}
MAIL = {"type": "address", "channel": "email", "address": "a@example.org"}


def _all_in(arm: str) -> str:
    return f"kind: experiment\nid: e\narms: {{{arm}: 100, {OTHER[arm]}: 0}}\n"


async def _arms(rig: Rig) -> list[Any]:
    return [r["body"].get("arm") for r in await rig.records("claim")]


async def test_arm_outlives_new_weights_and_a_restart(tmp_path: Path) -> None:
    """Edited so that the hash would say the other arm, and started anew: the arm stays."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, EVEN, OPEN_POLICY)
        await rig.consent()
        await rig.send(MAIL, OPENED)
        await rig.settle()
        (arm,) = await _arms(rig)
        await rig.apply(DOCUMENTS, _all_in(OTHER[arm]), OPEN_POLICY)
        seq, now_ms = rig.seq, rig.clock.now_ms()
    async with open_rig(tmp_path, now_ms + 1_000) as rig:
        rig.seq = seq
        await rig.send(OPENED)
        await rig.settle()
        arms = await _arms(rig)
    subjects = [line["content"]["subject"] for line in captured(tmp_path)]

    assert arms == [arm, arm]
    assert subjects == [f"Arm {arm}"] * 2


async def test_arm_of_a_visitor_stays_when_they_turn_out_to_be_somebody_new(
    tmp_path: Path,
) -> None:
    """First exposure counts, whoever they were then; withheld claims name the arm too."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, EVEN, OPEN_POLICY)
        await rig.send(OPENED, user_id=None)
        await rig.settle()
        (arm,) = await _arms(rig)
        await rig.apply(DOCUMENTS, _all_in(OTHER[arm]), OPEN_POLICY)
        await rig.consent()
        known = {"type": "identify", "user_id": "u1", "traits": {}}
        await rig.send(known, MAIL, OPENED, user_id="u1")
        await rig.settle()
        claims, arms = await rig.claims(), await _arms(rig)

    assert [outcome for outcome, _ in claims] == ["withheld", "send"]
    assert arms == [arm, arm]
