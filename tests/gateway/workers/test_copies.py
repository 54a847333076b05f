"""Test persons, seeds and proofs, on the whole way."""

from pathlib import Path
from typing import Any

from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.intake.records import Outcome
from fencepost_gateway.workers.copies import seed_copies
from gateway.decide.builders import plan
from gateway.rig import GRANTS, OPEN_POLICY, Rig, captured, open_rig

DOCUMENTS = """
kind: campaign
id: hello
entry: {event: opened}
reentry: always
message: {template: t, channels: [email]}
goal: none
---
kind: template
id: t
purpose: marketing
email: {subject: "Hi {{ person.first_name }}", text: "{{ place.name | default: 'here' }}"}
---
kind: caps
id: default
rules: [{limit: 1, per: 2d}]
"""
MAIL = {"type": "address", "channel": "email"}
OPENED = {"type": "track", "name": "opened"}
DAY_MS = 86_400_000
ADA, SEED = "ada@example.org", "seed@example.org"


def _workspace(**members: Any) -> str:
    lines = [f"{name}: {value}" for name, value in members.items()]
    return "\n".join(["kind: workspace", "id: w", *lines, ""])


async def _known(rig: Rig, user_id: str, address: str, name: str, *, marketing: str = "y") -> None:
    """Let somebody consent, give an address and a first name."""
    batch = rig.batch(
        {"type": "consent", "values": GRANTS | {"personalisation": "y", "marketing": marketing}},
        MAIL | {"address": address},
        {"type": "identify", "user_id": user_id, "traits": {"first_name": name}},
        user_id=user_id,
    )
    batch["device_id"] = batch["stream"] = batch["who"]["anonymous_id"] = f"d-{user_id}"
    headers = rig.device_headers(f"d-{user_id}")
    response = await rig.client.post("/v1/batch", json=batch, headers=headers)
    assert response.status == 200, await response.text()


async def _opens(rig: Rig, user_id: str) -> None:
    rig.clock.move_to(rig.clock.now_ms() + 1_000)
    batch = rig.batch(OPENED, user_id=user_id)
    batch["device_id"] = batch["stream"] = batch["who"]["anonymous_id"] = f"d-{user_id}"
    await rig.client.post("/v1/batch", json=batch, headers=rig.device_headers(f"d-{user_id}"))
    await rig.settle()


def _metric(rig: Rig, name: str, *labels: str) -> float:
    counter = getattr(rig.gateway.surface.metrics, name).labels(*labels)
    return float(counter._value.get())  # noqa: SLF001 - how prometheus-client is read in tests


async def test_seed_gets_one_copy_a_day_of_what_a_campaign_sends(tmp_path: Path) -> None:
    """The first sent of a version, channel and day; with the seed's own facts; marked."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, _workspace(seeds="[seed]"))
        await _known(rig, "seed", SEED, "Seed")
        for user_id in ("ada", "bob"):
            await _known(rig, user_id, f"{user_id}@example.org", user_id)
            await _opens(rig, user_id)
        first_day = [line["address"]["address"] for line in captured(tmp_path)]
        rig.clock.move_to(rig.clock.now_ms() + 3 * DAY_MS)
        await _opens(rig, "ada")
        again = [line["address"]["address"] for line in captured(tmp_path)]
        claims = [r["body"] for r in await rig.records("claim")]

    assert first_day == [ADA, SEED, "bob@example.org"]
    assert again == [*first_day, ADA, SEED]
    assert [bool(c.get("seed")) for c in claims] == [False, True, False, False, True]
    assert captured(tmp_path)[1]["content"]["subject"] == "Hi Seed"


async def test_seed_without_consent_gets_nothing(tmp_path: Path) -> None:
    """Consent holds for copies too, and the record says so."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, _workspace(seeds="[seed]"))
        await _known(rig, "seed", SEED, "Seed", marketing="n")
        await _known(rig, "ada", ADA, "Ada")
        await _opens(rig, "ada")
        claims = [r["body"] for r in await rig.records("claim")]

    assert [(c["outcome"], c["reason"]) for c in claims] == [
        ("send", ""),
        ("withheld", "consent"),
    ]


def test_no_copy_of_a_copy_or_of_a_test() -> None:
    """Only a customer's message that was sent is copied."""
    the_plan = plan(seeds=frozenset({"seed"}))
    made = {
        (state, mark): len(
            [
                *seed_copies(
                    the_plan, "w", Outcome("m", "r", "greeting", "p", state, mark=mark), set(), 0
                )
            ]
        )
        for state in ("sent", "unknown", "withheld")
        for mark in ("", "test", "seed", "proof")
    }

    assert {key for key, count in made.items() if count} == {("sent", "")}


async def test_test_person_is_in_no_cap_and_no_figure(tmp_path: Path) -> None:
    """Two messages under a cap of one, no metric moves, and the records are marked."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, _workspace(testers="[ada]"))
        await _known(rig, "ada", ADA, "Ada")
        await _known(rig, "bob", "bob@example.org", "Bob")
        for _ in range(2):
            await _opens(rig, "ada")
        figures = [
            _metric(rig, "decisions", "send", ""),
            _metric(rig, "deliveries", "email", "sent"),
        ]
        figures.append(_metric(rig, "steps", "entered"))
        for _ in range(2):
            await _opens(rig, "bob")
        claims = await rig.claims()
        records = await rig.records()
        mine = person_id_of_user(rig.gateway.settings.workspace, "ada")
        kinds = {r["kind"] for r in records if r["person_id"] == mine and r["body"].get("test")}
        others = [r for r in records if r["person_id"] != mine and r["body"].get("test")]

    assert claims == [("send", ""), ("send", ""), ("send", ""), ("withheld", "frequency_cap")]
    assert figures == [0, 0, 0]
    assert kinds == {"step", "claim", "outcome"}
    assert others == []


async def _proof(rig: Rig, **wish: str) -> tuple[int, Any]:
    body = {"template": "t", "to": "ada", "channel": "email"} | wish
    response = await rig.client.post("/v1/proofs", json=body, headers=rig.operator)
    answer = await response.json()
    await rig.settle()
    return response.status, answer


async def test_proof_goes_to_a_test_person_with_somebody_elses_facts(tmp_path: Path) -> None:
    """The real renderer and driver, a heading that says so, a record, no slot."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, _workspace(testers="[ada]"))
        await _known(rig, "ada", ADA, "Ada")
        await _known(rig, "bob", "bob@example.org", "Bob")
        await rig.settle()
        status, answer = await _proof(rig, as_user="bob", place="studio")
        (sent,) = captured(tmp_path)
        records = await rig.records("claim")
        slots = (await rig.gateway.store.peek(answer["message_id"])).slots  # type: ignore[union-attr] # it is there

    assert status == 200
    assert sent["address"]["address"] == ADA
    assert (sent["content"]["subject"], sent["content"]["text"]) == ("[Proof] Hi Bob", "Yoga Loft")
    assert records[0]["subject"] == answer["message_id"]
    assert records[0]["body"]["proof"] is True
    assert records[0]["words"][0] == "May go: t by email (a proof)"
    assert slots == ()


async def test_proof_is_refused_to_whom_is_no_test_person(tmp_path: Path) -> None:
    """No customer is ever shown one, whatever the operator types."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, _workspace(testers="[ada]"))
        await _known(rig, "bob", "bob@example.org", "Bob")
        wrong = [{"to": "bob"}, {"template": "u"}, {"channel": "sms"}, {"place": "x"}]
        wrong += [{"as_user": "nobody"}, {}]  # ada has never logged in anywhere
        refused = [(await _proof(rig, **wish))[1]["path"] for wish in wrong]

    assert refused == ["to", "template", "channel", "place", "as_user", "to"]
    assert captured(tmp_path) == []


async def test_publication_brings_deferred_messages_forward(tmp_path: Path) -> None:
    """Shorter quiet hours count for those who wait already, spread over half an hour."""
    quiet = OPEN_POLICY.replace(
        "quiet_hours: none",
        'quiet_hours: {channels: [email], zones: first, allowed: {every_day: "20:00-21:00"}}',
    )
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, quiet)
        await _known(rig, "ada", ADA, "Ada")
        await _opens(rig, "ada")
        waits_ms = await rig.gateway.store.next_due_ms() or 0
        await rig.apply(DOCUMENTS, OPEN_POLICY.replace("[y, CT, CP]", "[y, CT]"))
        soon_ms = await rig.gateway.store.next_due_ms() or 0
        rig.clock.move_to(rig.clock.now_ms() + 30 * 60_000)
        await rig.settle()
        claims = await rig.claims()

    assert waits_ms - rig.clock.now_ms() > 3 * 3_600_000
    assert soon_ms <= rig.clock.now_ms()
    assert claims == [("deferred", "quiet_hours"), ("send", "")]


async def test_outcomes_add_up_to_the_messages(tmp_path: Path) -> None:
    """Each message once, under its one reason; the sums over its records say the same."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, _workspace(testers="[eve]"))
        for name in ("ada", "bob", "eve"):
            await _known(rig, name, f"{name}@example.org", name)
            await _opens(rig, name)
            await _opens(rig, name)
        response = await rig.client.get("/v1/outcomes", headers=rig.operator)
        report = await response.json()
        last: dict[str, tuple[str, str]] = {}
        for record in await rig.records():
            body = record["body"]
            if record["kind"] == "claim" and not body.get("test"):
                last[record["subject"]] = (body["outcome"], body["reason"])
            if record["kind"] == "outcome" and not body.get("test"):
                last[record["subject"]] = (body["state"], body["reason"])

    found = {(row["state"], row["reason"]): row["messages"] for row in report["rows"]}
    assert found == {("sent", ""): 2, ("withheld", "frequency_cap"): 2}
    assert found == {key: [*last.values()].count(key) for key in set(last.values())}
    assert (report["total"], report["tests"]) == (4, 2)
