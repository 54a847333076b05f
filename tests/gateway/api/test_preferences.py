"""The preference page: what a person sees, changes and asks for, without account or script."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.api import preference_words
from fencepost_gateway.api.preference_words import wording_of
from fencepost_gateway.decide.consent import LOCATION_ACTIVE
from fencepost_gateway.intake.tickets import write_ticket
from gateway.api.pages import GRANTED, URL, Page, news, path_to, proofs, sent, shown, told
from gateway.rig import INSIDE, OPEN_POLICY, Rig, open_rig

pytestmark = pytest.mark.feature("Q12")

DAY_MS = 86_400_000


async def opened(rig: Rig, *documents: str, **values: str) -> tuple[str, Page]:
    """Give the path of somebody's page, and the page."""
    path = path_to(rig, "preferences", await told(rig, *documents, **values))
    return path, await shown(rig, path)


async def stands(rig: Rig) -> dict[tuple[str, str], str]:
    """Give what was stated, by purpose and channel."""
    (person_id,) = {r["person_id"] for r in await rig.records("claim")}
    said = await rig.gateway.store.consents(person_id)
    return {(e.purpose, e.channel): e.value for e in said}


async def test_page_shows_how_it_stands_and_looking_changes_nothing(tmp_path: Path) -> None:
    """What is allowed is ticked, and only that; the address is masked."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        _, page = await opened(rig)

        assert len(await proofs(rig)) == len(GRANTED)
    assert page.status == 200
    assert page.on == {
        "marketing.email",
        "marketing.in_app",
        "personalisation.any",
        "location_collect.any",
        "location_marketing.any",
    }
    assert {n for n, ticked in page.boxes.items() if not ticked} == {
        "profiling.any",
        "location_background.any",
        "location_precise.any",
        "pause",
    }
    assert "By email (m•••@e•••.com)" in page.words
    assert "minji" not in page.text


async def test_turning_a_channel_off_holds_for_the_next_message(tmp_path: Path) -> None:
    """The next claim is refused; nothing else has changed, and the page says what has."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        after = await sent(rig, path, page.form(clear=("marketing.email",)))
        verdict = await news(rig)
        found = await stands(rig)

    assert verdict == ("withheld", "consent")
    assert after.on == page.on - {"marketing.email"}
    assert found[("marketing", "email")] == "n"
    assert found[("marketing", "any")] == "y"
    (status,) = after.all("div", role="status")
    assert status["tabindex"] == "-1"
    assert "Turned off: Advertising by email." in after.words


async def test_what_needs_it_goes_off_with_it_and_stays_off(tmp_path: Path) -> None:
    """Who then turns the first on again has not asked for the second."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        off = await sent(rig, path, page.form(clear=("location_collect.any",)))
        on = await sent(rig, path, off.form(tick=("location_collect.any",)))

    assert "because it needs what you turned off: Advertising because of where I am." in off.words
    assert off.on == page.on - {"location_collect.any", "location_marketing.any"}
    assert on.on == page.on - {"location_marketing.any"}


async def test_yes_that_lacks_what_it_needs_is_not_taken(tmp_path: Path) -> None:
    """The page says so, and nothing of it is written."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig, OPEN_POLICY, collect="CT", marketing="y")
        after = await sent(rig, path, page.form(tick=("location_precise.any",)))

        assert ("location_precise", "any") not in await stands(rig)
    assert "something that it needs is off: My exact location." in after.words
    assert "Nothing was changed." in after.words


async def test_no_to_everything_refuses_all_there_is(tmp_path: Path) -> None:
    """On every channel, those that nobody has yet among them; service messages still come."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        after = await sent(rig, path, page.form(do="none"))
        found = await stands(rig)

    assert after.on == set()
    assert "You have said no to everything." in after.words
    assert "Service messages" in after.words
    assert {found[purpose, "any"] for purpose in ("marketing", "share", "location_collect")} == {
        "n"
    }
    assert ("transactional", "any") not in found


async def test_yes_for_one_channel_is_none_for_another(tmp_path: Path) -> None:
    """After a no to all, email comes on alone: no other channel, none that comes to be later."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        off = await sent(rig, path, page.form(do="none"))
        on = await sent(rig, path, off.form(tick=("marketing.email",)))
        verdict, found = await news(rig), await stands(rig)

    assert on.on == {"marketing.email"}
    assert verdict == ("send", "")
    assert found["marketing", "any"] == "p"
    assert {found["marketing", each] for each in ("sms", "web_push", "in_app")} == {"n"}


async def test_proof_names_the_words_the_page_and_the_way(tmp_path: Path) -> None:
    """One proof a statement: version and hash of the words that were read, and where from."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        fields = page.form(clear=("marketing.email",), tick=("location_precise.any",))
        await sent(rig, path, fields, **{"Accept-Language": "ko", "X-Request-Id": "r-7"})
        found = {p[0]: p for p in (await proofs(rig))[len(GRANTED) :]}

    assert {name: p[2:4] for name, p in found.items()} == {
        "marketing": ("u", "n"),
        "location_precise": ("u", "y"),
    }
    proof = found["marketing"][4]
    assert {k: v for k, v in proof.items() if k != "message_id"} == {
        **wording_of("marketing", "email", "ko"),
        "surface": "preference page",
        "method": "form",
        "actor": "person",
        "ip": "127.0.0.0/24",
        "request_id": "r-7",
    }


def test_words_of_a_proof_change_only_with_their_version() -> None:
    """A version of the wording means these words for ever; raise it, and then this hash."""
    said = [
        wording_of(purpose, channel, language)["text_sha256"]
        for language in ("en", "ko")
        for purpose in sorted(preference_words.SWITCHES)
        for channel in ("any", *sorted(preference_words.CHANNELS))
    ]
    digest = hashlib.sha256(" ".join(said).encode()).hexdigest()

    assert (preference_words.VERSION, digest[:16]) == (2, "f1b28fbdc33bf5fe")


async def test_two_tabs_end_strict_whatever_the_order(tmp_path: Path) -> None:
    """A no in an old tab counts; a yes in an old tab does not, and the page says why."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        off = await sent(rig, path, page.form(clear=("marketing.email",)))
        yes_in_old_tab = off.form(tick=("marketing.email",))
        await sent(rig, path, off.form(do="none"))
        refused = await sent(rig, path, yes_in_old_tab)
        taken = await sent(rig, path, off.form(clear=("personalisation.any",)))

    assert refused.on == set()
    assert "your choices were changed elsewhere while this page was open" in refused.words
    assert taken.on == set()


async def test_no_in_an_old_tab_counts(tmp_path: Path) -> None:
    """Another tab has changed something else meanwhile."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        await sent(rig, path, page.form(tick=("location_precise.any",)))
        after = await sent(rig, path, page.form(clear=("marketing.email",)))

    assert after.on == (page.on | {"location_precise.any"}) - {"marketing.email"}


async def test_saving_twice_changes_nothing_more(tmp_path: Path) -> None:
    """The same form again, as by a reload: no second proof, and the page stands as it was."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        fields = page.form(clear=("marketing.email",), tick=("location_precise.any",))
        once = await sent(rig, path, fields)
        before = len(await proofs(rig))
        again = await sent(rig, path, fields)

        assert len(await proofs(rig)) == before
    assert again.on == once.on
    assert "Nothing was changed." in again.words


async def test_pause_drops_positions_and_keeps_consent(tmp_path: Path) -> None:
    """Until it is ended: no position, no message by place; then all is as it was."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig, OPEN_POLICY, **GRANTED, location_precise="y")
        await rig.walk_in()
        (person_id,) = {r["person_id"] for r in await rig.records("claim")}
        (before,) = (await rig.gateway.store.persons([person_id])).values()
        paused = await sent(rig, path, page.form(tick=("pause",)))
        answer = await rig.fix(INSIDE)
        await rig.settle()
        (person,) = (await rig.gateway.store.persons([person_id])).values()
        resumed = await sent(rig, path, paused.form(clear=("pause",)))
        taken = await rig.fix(INSIDE)

    assert paused.on == page.on | {"pause"}
    assert [v["code"] for v in answer["verdicts"]["others"]] == ["paused"]
    assert ([p.fence_id for p in before.inside], person.inside) == (["studio"], [])
    assert person.visits == before.visits
    assert resumed.on == page.on
    assert taken["verdicts"]["others"] == []
    assert "The pause is over." in resumed.words


async def test_requests_are_recorded_shown_and_listed(tmp_path: Path) -> None:
    """With the day they are due by the strictest policy; asking twice is asking once."""
    policy = OPEN_POLICY + "data_requests_within_days: 10\n"
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig, policy)
        asked = await sent(rig, path, [*page.form(), ("ask", "export"), ("ask", "erasure")])
        again = await sent(rig, path, [*page.form(), ("ask", "export")])
        response = await rig.client.get("/v1/requests", headers=rig.operator)
        listed = await response.json()

    assert "You asked for a copy of your data on 1 June 2026" in asked.words
    assert "We will do this by 11 June 2026." in asked.words
    assert asked.all("input", name="ask") == []
    assert again.words.count("You asked") == 2
    assert [
        (r["kind"], r["user_id"], r["asked_at"][:10], r["due_at"][:10], r["overdue"])
        for r in listed["requests"]
    ] == [
        ("export", "u1", "2026-06-01", "2026-06-11", False),
        ("erasure", "u1", "2026-06-01", "2026-06-11", False),
    ]


async def test_withdrawal_takes_back_what_waits(tmp_path: Path) -> None:
    """In the commit of the form: what a place caused is withheld before any claim."""
    quiet = OPEN_POLICY.replace(
        "quiet_hours: none", 'quiet_hours: {allowed: {every_day: "20:00-21:00"}}'
    )
    here = """
kind: campaign
id: here
entry: {transition: enter, fence: {tag: studio}}
reentry: always
message: {template: news, channels: [email], max_age: 12h}
goal: none
"""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig, quiet, here, **GRANTED, location_precise="y")
        await rig.walk_in()
        waiting = await rig.claims()
        await sent(rig, path, page.form(clear=("location_marketing.any",)))
        verdict = (await rig.claims())[-1]

    assert waiting == [("deferred", "quiet_hours")] * 2
    assert verdict == ("withheld", "consent")


async def test_yes_that_is_to_be_confirmed_waits_and_is_asked(tmp_path: Path) -> None:
    """The policy wants it: it is pending, and the campaign that asks is started."""
    asks = """
kind: campaign
id: confirm-news
entry: {api: true}
reentry: always
message: {template: confirm-news, channels: [email]}
goal: none
---
kind: template
id: confirm-news
purpose: transactional
confirms: marketing
email: {subject: Confirm, text: "{{ confirm.link }}"}
"""
    policy = OPEN_POLICY + "double_opt_in: [email]\n"
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig, policy, asks)
        off = await sent(rig, path, page.form(clear=("marketing.email",)))
        on = await sent(rig, path, off.form(tick=("marketing.email",)))
        await rig.settle()
        claimed = (await rig.claims())[-1]
        found = await stands(rig)

    assert found["marketing", "email"] == "p"
    assert "marketing.email" not in on.on
    assert "Not on yet: Advertising by email." in on.words
    assert claimed == ("send", "")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_link_that_leads_nowhere_says_what_to_do(tmp_path: Path, method: str) -> None:
    """Forged: 404. Ours, of a message that is not there: 410. Both in words."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await told(rig)
        seed = rig.gateway.credentials.seed
        forged = await rig.client.request(method, "/v1/preferences/m.AAAA")
        gone = await rig.client.request(
            method, f"/v1/preferences/{write_ticket(seed, 'preferences', 'gone')}"
        )
        other = await rig.client.request(
            method, f"/v1/preferences/{write_ticket(seed, 'unsubscribe', 'gone')}"
        )

        assert [r.status for r in (forged, gone, other)] == [404, 410, 404]
        assert "as it stands in the message" in await forged.text()
        assert "in a newer message" in await gone.text()


@pytest.mark.parametrize(
    ("accepted", "locale", "expected"),
    [
        ("", "ko-KR", "ko"),
        ("fr", "ko_KR", "ko"),
        ("en", "ko", "en"),
        ("ko", "en", "ko"),
        ("", "", "en"),
    ],
)
async def test_page_speaks_the_readers_language(
    tmp_path: Path, accepted: str, locale: str, expected: str
) -> None:
    """What the browser accepts, else the person's locale, else English."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        batch = rig.batch

        def there(*events: Any, **more: Any) -> Any:
            body = batch(*events, **more)
            return body | {"context": {"zone": "Europe/Monaco", "locale": locale}}

        rig.batch = there  # type: ignore[method-assign]  # the device speaks otherwise
        path = path_to(rig, "preferences", await told(rig))
        page = await shown(rig, path, **{"Accept-Language": accepted})

    assert page.all("html")[0]["lang"] == expected


async def test_every_control_has_a_name_and_every_group_a_legend(tmp_path: Path) -> None:
    """Labels, hints and legends are tied to what they are about; one heading, one main region."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        night = OPEN_POLICY.replace(
            "quiet_hours: none",
            'quiet_hours: {allowed: {every_day: "08:00-21:00"}, lifted_by: marketing_night}',
        )
        path, page = await opened(rig, night)
        page = await sent(rig, path, page.form())

    identities = [a["id"] for _, a in page.tags if "id" in a]
    boxes = page.all("input", type="checkbox")
    assert len(identities) == len(set(identities))
    assert {b["id"] for b in boxes} == {each["for"] for each in page.all("label")}
    assert all(a["aria-describedby"] in identities for _, a in page.tags if "aria-describedby" in a)
    assert all(
        each in identities for _, a in page.tags for each in a.get("aria-labelledby", "").split()
    )
    assert len(page.all("fieldset")) == len(page.all("legend"))
    assert (len(page.all("h1")), len(page.all("main"))) == (1, 1)
    assert page.all("meta", name="viewport")[0]["content"].find("scalable") < 0
    assert page.all("script") == []


async def test_form_of_any_bytes_is_answered(tmp_path: Path) -> None:
    """Unknown names, nonsense and other types change nothing; too much is refused."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path, page = await opened(rig)
        before = len(await proofs(rig))
        odd = [("on", "collect.any"), ("on", "marketing.fax"), ("shown", "x.y.z"), ("ask", "all")]
        strange = await sent(rig, path, [*page.form(), *odd])
        raw = await rig.client.post(path, data=b"\xff\x00%zz&&==on=%")
        long = await rig.client.post(path, data=b"on=" + b"x" * 20_000)

        assert len(await proofs(rig)) == before
    assert (strange.status, raw.status, long.status) == (200, 200, 413)


async def test_device_cannot_state_the_pause_as_a_purpose(tmp_path: Path) -> None:
    """An app has its own pause; on the wire it is no purpose."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        answer = await rig.consent({LOCATION_ACTIVE: "n"})

    assert [v["code"] for v in answer["verdicts"]["others"]] == ["bad_value"]
