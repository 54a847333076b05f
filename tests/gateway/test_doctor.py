"""Doctor: each thing that can be wrong is named, with what to do; what is right is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.app import sign_proofs
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.credentials import KEYS_FILE, PROOF_FILE
from fencepost_gateway.doctor import CHECKS, RELEASED_MS, Finding, examine
from fencepost_gateway.settings import ChannelSettings, Settings
from gateway.rig import GRANTS, NOON_MS, make_settings, open_rig

DAY_MS = 86_400_000
REVIEWED = """
kind: policy
id: default
reviewed: {by: Jihye Park, at: 2026-05-01}
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours: none
"""
CONFIRMS = """
kind: template
id: ask
purpose: transactional
confirms: marketing
sms: {text: "{{ confirm.link }}"}
"""
PUSH = {"web_push": ChannelSettings(driver="web_push", settings={"vapid_subject": "mailto:a@b.kr"})}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give the folder of a gateway that has served, with signed proofs and a reviewed policy."""
    async with open_rig(tmp_path / "data") as rig:
        await rig.apply(REVIEWED)
        await rig.consent(GRANTS)
        await sign_proofs(rig.gateway)
    return tmp_path / "data"


def settings_of(folder: Path, **more: Any) -> Settings:
    """Make the settings of a gateway in good health."""
    made = make_settings(folder, **more)
    return made.model_copy(update={"channels": PUSH | made.channels})


def found(settings: Settings, now_ms: int = NOON_MS) -> list[Finding]:
    """Give what is not fine."""
    return [each for each in examine(settings, now_ms) if each.state != "fine"]


def meddle(folder: Path, sql: str) -> None:
    """Change the file behind the store's back."""
    db = apsw.Connection(str(folder / "fencepost.db"))
    db.execute(sql)
    db.close()


async def test_healthy_gateway_has_nothing_to_do(folder: Path) -> None:
    """Every check is made, and finds nothing."""
    looked_at = {each.check for each in examine(settings_of(folder), NOON_MS)}

    assert found(settings_of(folder)) == []
    assert looked_at == set(CHECKS)


async def test_gateway_that_serves_is_looked_over_as_it_is(tmp_path: Path) -> None:
    """Nothing is locked: the store goes on, and the doctor reads."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(REVIEWED)

        assert found(settings_of(tmp_path)) == []


async def test_folder_that_never_served_is_no_error(tmp_path: Path) -> None:
    """It says to start, and makes nothing itself."""
    where = tmp_path / "none"
    states = {(each.check, each.state) for each in found(settings_of(where))}

    assert ("folder", "warning") in states
    assert all(state == "warning" for _, state in states)
    assert not where.exists()


Ailment = tuple[Callable[[Path], object], dict[str, Any], int, str, str, str]

AILMENTS: dict[str, Ailment] = {
    "open folder": (
        lambda folder: folder.chmod(0o755),
        {}, NOON_MS, "folder", "error", "chmod 700",
    ),
    "leaked key": (
        lambda folder: (folder / KEYS_FILE).chmod(0o644),
        {}, NOON_MS, "keys", "error", "chmod 600",
    ),
    "lost key": (
        lambda folder: (folder / PROOF_FILE).unlink(),
        {}, NOON_MS, "keys", "warning", PROOF_FILE,
    ),
    "changed proof": (
        lambda folder: meddle(folder, "UPDATE consent_proof SET new_value = 'n' WHERE id = 2"),
        {}, NOON_MS, "proofs", "error", "proof 2",
    ),
    "cut proofs": (
        lambda folder: meddle(folder, "DELETE FROM consent_proof WHERE id > 2"),
        {}, NOON_MS, "proofs", "error", "cut off",
    ),
    "forged head": (
        lambda folder: meddle(folder, "UPDATE proof_head SET signed_ms = signed_ms + 1"),
        {}, NOON_MS, "proofs", "error", "head of 2026-06-01",
    ),
    "person of another release": (
        lambda folder: meddle(folder, "INSERT INTO person VALUES ('p', x'c0')"),
        {}, NOON_MS, "rows", "error", "1 of 1 person rows cannot be read",
    ),
    "record passed over": (
        lambda folder: meddle(folder, "INSERT INTO passed_over VALUES (7, 1, 'KeyError')"),
        {}, NOON_MS, "log", "error", "position 7 (KeyError)",
    ),
    "damaged store": (
        lambda folder: (folder / "fencepost.db").write_bytes(b"no database" * 999),
        {}, NOON_MS, "proofs", "error", "damaged",
    ),
    "clock gone back": (
        lambda _: None, {}, NOON_MS - DAY_MS, "clock", "error", "clock went back",
    ),
    "clock of a flat battery": (
        lambda _: None, {}, RELEASED_MS - 1, "clock", "error", "before this release",
    ),
    "unknown driver": (
        lambda _: None,
        {"channels": PUSH | {"sms": ChannelSettings(driver="pigeon")}},
        NOON_MS, "channels", "error", "pigeon",
    ),
    "missing secret": (
        lambda _: None,
        {"channels": PUSH | {"sms": ChannelSettings(driver="sms")}},
        NOON_MS, "channels", "error", "sms:",
    ),
    "plain public url": (
        lambda _: None,
        {"public_url": "http://a.example"}, NOON_MS, "public_url", "warning", "https",
    ),
    "no mailbox": (
        lambda _: None, {"channels": {}}, NOON_MS, "channels", "warning", "mailbox",
    ),
}  # fmt: skip


@pytest.mark.parametrize("ailment", AILMENTS.values(), ids=AILMENTS.keys())
async def test_what_is_wrong_is_named_with_what_to_do(folder: Path, ailment: Ailment) -> None:
    """The check that concerns it says so; what to do is never left out."""
    harm, more, now_ms, name, state, says = ailment
    harm(folder)
    settings = settings_of(folder).model_copy(update=more)
    ill = found(settings, now_ms)

    hits = [e for e in ill if (e.check, e.state) == (name, state) and says in f"{e.says} {e.do}"]
    assert hits
    assert all(each.do for each in ill)


async def test_documents_and_policies_are_looked_at(tmp_path: Path) -> None:
    """Nobody's name under a policy, no link where one is needed, no driver for a channel."""
    campaign = (
        "kind: campaign\nid: ask\nentry: {event: e}\nmessage: {template: ask, channels: [sms]}"
    )
    async with open_rig(tmp_path) as rig:
        await rig.apply(CONFIRMS, campaign)
    ill = found(settings_of(tmp_path, public_url="").model_copy(update={"channels": PUSH}))

    told = {(each.check, each.state): each.says for each in ill}
    assert "policy default was reviewed by nobody" in told["policies", "warning"]
    assert "template ask" in told["public_url", "error"]
    assert "campaign ask may go by sms" in told["channels", "warning"]


async def test_document_that_no_longer_passes_is_named(tmp_path: Path) -> None:
    """What check would say of it, as of any folder."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(REVIEWED, "kind: template\nid: a\npurpose: marketing\nsms: {text: Hi}")
    body = "CAST(replace(CAST(body AS TEXT), 'Hi', '{{ nobody }}') AS BLOB)"
    meddle(tmp_path, f"UPDATE document SET body = {body} WHERE kind = 'template'")  # noqa: S608 - the test's own words
    ill = [each for each in found(settings_of(tmp_path)) if each.check == "documents"]

    assert {each.state for each in ill} == {"warning"}
    assert any("unknown variable nobody" in each.says for each in ill)


async def test_proofs_that_nobody_signs_are_noticed(folder: Path) -> None:
    """A gateway that runs signs once a day; two days without are worth a word."""
    async with open_rig(folder, NOON_MS + DAY_MS) as rig:
        rig.seq = 100  # the folder's device has used the first ones
        await rig.consent({"marketing": "n"})
    soon = found(settings_of(folder), NOON_MS + 2 * DAY_MS)
    late = found(settings_of(folder), NOON_MS + 3 * DAY_MS)

    assert soon == []
    assert [(each.check, each.state) for each in late] == [("proofs", "warning")]


async def test_head_is_signed_once_a_day_and_verified_by_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fencepost proof --verify` counts the signed heads and names a chain that was cut."""
    async with open_rig(folder, NOON_MS + DAY_MS) as rig:
        await sign_proofs(rig.gateway)
        await sign_proofs(rig.gateway)
        public = rig.gateway.credentials.proof_key.public
    monkeypatch.setenv("FENCEPOST_DATA_DIR", str(folder))
    run = CliRunner()
    whole = run.invoke(cli, ["proof", "--verify"])
    meddle(folder, "DELETE FROM consent_proof WHERE id = (SELECT max(id) FROM consent_proof)")
    cut = run.invoke(cli, ["proof", "--verify"])

    assert whole.exit_code == 0
    assert "2 signed heads hold" in whole.output
    assert public in whole.output
    assert cut.exit_code == 1
    assert "not to the head of 2026-06-01" in cut.output + cut.stderr


def test_command_ends_with_a_code_and_speaks_json(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 with warnings, 1 with an error; no secret is in what it says."""
    monkeypatch.setenv("FENCEPOST_DATA_DIR", str(folder))
    monkeypatch.setenv("FENCEPOST_MIN_ACK_LEVEL", "os")
    monkeypatch.setattr("fencepost_gateway.clock.SystemClock", lambda: ManualClock(NOON_MS))
    run = CliRunner()
    well = run.invoke(cli, ["doctor"])
    folder.chmod(0o755)
    ill = run.invoke(cli, ["doctor", "--json"])
    keys = json.loads((folder / KEYS_FILE).read_text("utf-8"))

    assert (well.exit_code, well.output.splitlines()[-1]) == (0, "0 errors, 1 warning")
    assert ill.exit_code == 1
    assert ("folder", "error") in {(e["check"], e["state"]) for e in json.loads(ill.output)}
    assert not any(secret in well.output + ill.output for secret in keys.values())
