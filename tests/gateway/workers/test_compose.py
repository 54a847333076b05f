"""What a message says, and what its claim knows of how it came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.workers import compose
from fencepost_gateway.workers.whereabouts import stated_home
from gateway.rig import GRANTS, OPEN_POLICY, Rig, open_rig

HOUR_MS = 3_600_000
NEAR = (43.7345, 7.42)  # some 440 m north of the studio's boundary
ALL = {**GRANTS, "personalisation": "y"}

ASKED = """
kind: campaign
id: asked
entry: {event: asked}
reentry: always
message: {template: near, channels: [in_app]}
goal: none
---
kind: template
id: near
purpose: marketing
in_app:
  body: "{{ nearest.studio.name | default: 'our studios' }}, \
{{ nearest.studio.distance_m | default: 'some' }} m, \
{{ person.first_name | default: 'you' }}"
"""
FOOTED = """
kind: campaign
id: asked
entry: {event: asked}
reentry: always
message: {template: near, channels: [in_app]}
goal: none
---
kind: template
id: near
purpose: marketing
languages: {en: default, ko: {in_app: {body: "안녕 {% render 'foot' %}"}}}
in_app: {body: "Hello {% render 'foot' %}"}
---
kind: fragment
id: foot
languages: {en: default, ko: {text: 루마}}
text: Luma
"""
PLACED = ASKED.replace("nearest.studio.name | default: 'our studios'", "place.name")


async def ready(rig: Rig, *texts: str, values: dict[str, str] | None = None) -> None:
    """Publish, and let somebody with a name and a consent be there."""
    await rig.apply(*(texts or (ASKED,)), OPEN_POLICY)
    await rig.consent(values or ALL)
    await rig.send({"type": "identify", "user_id": "u1", "traits": {"first_name": "Mina"}})
    await rig.settle()


async def asked(rig: Rig) -> str:
    """Ask; give the body of what came, or the reason why nothing did."""
    before = len(await rig.inbox())
    await rig.send({"type": "track", "name": "asked"})
    await rig.settle()
    inbox = await rig.inbox()
    if len(inbox) > before:
        return str(inbox[-1]["content"]["body"])
    return (await rig.claims())[-1][1]


async def check_of(rig: Rig, gate: str) -> dict[str, Any]:
    """Give what a gate of the last claim looked at."""
    claim = (await rig.records("claim"))[-1]["body"]
    found: dict[str, Any] = next(c for c in claim["checks"] if c["gate"] == gate)
    return found


@pytest.mark.feature("P11")
async def test_nearest_looks_from_the_last_fix(tmp_path: Path) -> None:
    """The content names place and metres; the record says from what and how old, not where."""
    async with open_rig(tmp_path) as rig:
        await ready(rig)
        await rig.fix(NEAR)
        rig.clock.move_to(rig.clock.now_ms() + HOUR_MS)
        said = await asked(rig)
        check = await check_of(rig, "render")
        told = str(await rig.records())

    assert said == "Yoga Loft, 440 m, Mina"
    assert check["inputs"]["nearest"] == {"source": "fix", "age_s": 3600}
    assert "43.73" not in told
    assert "7.42" not in told


@pytest.mark.feature("P11")
async def test_fix_of_yesterday_is_no_place_to_look_from(tmp_path: Path) -> None:
    """After 24 hours the home that was stated counts, without one the default."""
    async with open_rig(tmp_path) as rig:
        await ready(rig)
        await rig.fix(NEAR)
        rig.clock.move_to(rig.clock.now_ms() + 24 * HOUR_MS + 1)
        without = await asked(rig)
        nowhere = await check_of(rig, "render")
        traits = {"home_lat": 43.7431, "home_lon": 7.4213}
        await rig.send({"type": "identify", "user_id": "u1", "traits": traits})
        at_home = await asked(rig)
        home = await check_of(rig, "render")
        told = str(await rig.records())

    assert without == "our studios, some m, Mina"
    assert nowhere["inputs"]["nearest"] == {"source": "none"}
    assert at_home == "Yoga Loft, 1100 m, Mina"  # from the cell 43.74, 7.42
    assert home["inputs"]["nearest"] == {"source": "home"}
    assert "43.74" not in told


@pytest.mark.parametrize("denied", ["location_collect", "location_marketing"])
async def test_fix_is_looked_from_with_consent_only(tmp_path: Path, denied: str) -> None:
    """Without it marketing falls back to what was stated; the rest of it still goes."""
    async with open_rig(tmp_path) as rig:
        await ready(rig)
        await rig.fix(NEAR)
        await rig.consent({denied: "n"})

        assert await asked(rig) == "our studios, some m, Mina"


@pytest.mark.feature("G01")
async def test_generic_content_instead_of_silence(tmp_path: Path) -> None:
    """Whoever denies personalisation gets the defaults, and the record says generic."""
    async with open_rig(tmp_path) as rig:
        await ready(rig, values=GRANTS)
        await rig.fix(NEAR)
        said = await asked(rig)
        check = await check_of(rig, "render")

    assert said == "our studios, some m, you"
    assert check["inputs"]["content"] == "generic"


async def test_generic_content_without_defaults_is_withheld(tmp_path: Path) -> None:
    """A template that has no generic form says so by the value that it lacks."""
    plain = ASKED.replace(" | default: 'you'", "")
    async with open_rig(tmp_path) as rig:
        await ready(rig, plain, values=GRANTS)
        reason = await asked(rig)
        check = await check_of(rig, "render")

    assert reason == "render_missing"
    assert check["inputs"] | {"template": ""} == {
        "template": "",
        "content": "generic",
        "nearest": {"source": "none"},
        "member": "person.first_name",
    }


async def test_service_message_is_made_of_a_person_s_data(tmp_path: Path) -> None:
    """An order confirmation is no personalisation: it goes by contract."""
    service = ASKED.replace("purpose: marketing", "purpose: transactional")
    async with open_rig(tmp_path) as rig:
        await ready(rig, service, values={"collect": "CT"})

        assert await asked(rig) == "our studios, some m, Mina"


@pytest.mark.feature("G03")
async def test_content_that_says_where_somebody_is_needs_the_consent_to(tmp_path: Path) -> None:
    """An app event woke it, and still the place in it is location: withheld ``label``."""
    async with open_rig(tmp_path) as rig:
        await ready(rig, PLACED)
        await rig.walk_in()
        allowed = await asked(rig)
        await rig.consent({"location_marketing": "n"})
        denied = await asked(rig)
        check = await check_of(rig, "label")

    assert allowed.startswith("Yoga Loft, ")
    assert denied == "label"
    assert check["inputs"] == {
        "label": "location",
        "used_for": "marketing",
        "denied": "location_marketing",
    }


async def test_policy_keeps_locations_out_of_marketing_from_the_next_claim_on(
    tmp_path: Path,
) -> None:
    """The check refuses such a template; one that is live already is withheld."""
    strict = OPEN_POLICY + "location_fields: [transactional]\n"
    async with open_rig(tmp_path) as rig:
        await ready(rig)
        await rig.apply(strict)
        reason = await asked(rig)
        check = await check_of(rig, "label")

    assert reason == "label"
    assert check["inputs"]["policy"] == "default v2"


async def test_withdrawal_between_rendering_and_claim_renders_anew(tmp_path: Path) -> None:
    """Nothing personal leaves after a no; the message goes without it, a second later."""
    async with open_rig(tmp_path) as rig:
        await ready(rig)
        store = rig.gateway.deliver._store  # noqa: SLF001 - the race is between its two reads
        claim, race = store.claim, {"left": 1}

        async def late(message_id: str, judge: Any, now_ms: int) -> Any:
            if race["left"]:
                race["left"] = 0
                await rig.consent({"personalisation": "n"})
            return await claim(message_id, judge, now_ms)

        store.claim = late  # type: ignore[method-assign] # as above
        reason = await asked(rig)
        rig.clock.move_to(rig.clock.now_ms() + 1_000)
        await rig.settle()
        (shown,) = await rig.inbox()
        claims = await rig.claims()

    assert reason == "content_stale"
    assert shown["content"]["body"] == "our studios, some m, you"
    assert claims == [("deferred", "content_stale"), ("send", "")]


@pytest.mark.feature("C10")
async def test_language_and_fragments_are_on_record(tmp_path: Path) -> None:
    """Which variant it was, and which version of each fragment; a change counts at once."""
    async with open_rig(tmp_path) as rig:
        await ready(rig, FOOTED)
        first, check = await asked(rig), await check_of(rig, "render")
        await rig.apply(FOOTED.replace("text: Luma", "text: Luma Monaco"), OPEN_POLICY)
        second, then = await asked(rig), await check_of(rig, "render")

    assert (first, second) == ("Hello Luma", "Hello Luma Monaco")
    assert check["inputs"]["language"] == "en"
    assert (check["inputs"]["fragments"], then["inputs"]["fragments"]) == (["foot v1"], ["foot v2"])


async def test_tracks_are_read_for_who_asks_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that does not name ``nearest`` reads no position."""
    async with open_rig(tmp_path) as rig:
        await ready(rig, FOOTED)
        monkeypatch.setattr(compose, "whereabouts", None)  # what is not called shows nowhere

        assert await asked(rig) == "Hello Luma"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"home_lat": 43.7},
        {"home_lat": "43.7", "home_lon": "7.4"},
        {"home_lat": True, "home_lon": 7.4},
        {"home_lat": 91.0, "home_lon": 7.4},
        {"home_lat": float("nan"), "home_lon": 7.4},
    ],
)
def test_home_is_stated_or_not_there(attributes: dict[str, Any]) -> None:
    """What is no position is none, and nothing is guessed."""
    assert stated_home(attributes) is None


def test_home_is_known_to_a_cell() -> None:
    """However exactly it was said."""
    found = stated_home({"home_lat": 43.738291, "home_lon": 7.421987})

    assert found is not None
    assert (found.lat, found.lon, found.source) == (43.74, 7.42, "home")


async def test_label_of_the_policy_is_the_last_thing_put_in(tmp_path: Path) -> None:
    """No template has a say in it, and the record names the policy that wanted it."""
    async with open_rig(tmp_path) as rig:
        await ready(rig)
        await rig.apply(FOOTED, OPEN_POLICY + 'label: {text: "(Ad)"}\n')
        said = await asked(rig)
        check = await check_of(rig, "render")

    assert said == "(Ad) Hello Luma"
    assert check["inputs"]["obeys"] == ["default v2"]
