"""Unsubscribing by one click, by our own button, and never by looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.tickets import write_ticket
from gateway.api.pages import URL, links_in, news, path_to, proofs, sent, shown, told
from gateway.rig import OPEN_POLICY, open_rig

ONE_CLICK = [("List-Unsubscribe", "One-Click")]
IN_APP = """
kind: campaign
id: news
entry: {event: news}
reentry: always
message: {template: news, channels: [in_app]}
goal: none
"""


@pytest.mark.guarantee("R14")
@pytest.mark.feature("C06")
async def test_one_click_in_the_mail_stops_the_next_mail(tmp_path: Path) -> None:
    """The link of the mail, no cookie, no login, no redirect: 200, and the next claim refuses."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await told(rig)
        (path,) = links_in(tmp_path, "unsubscribe")
        page = await sent(rig, path, ONE_CLICK)
        verdict = await news(rig)
        last = (await proofs(rig))[-1]

    assert page.status == 200
    assert "You will get no more advertising messages by email." in page.words
    assert verdict == ("withheld", "consent")
    assert last[:4] == ("marketing", "email", "u", "n")
    assert last[4]["method"] == "one_click"
    assert last[4]["ip"] == "127.0.0.0/24"


@pytest.mark.guarantee("R14")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_at_the_link_never_unsubscribes(tmp_path: Path, method: str) -> None:
    """A scanner opens every link of a mail: nothing is stated, and the next mail goes."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await told(rig)
        before = len(await proofs(rig))
        (path,) = links_in(tmp_path, "unsubscribe")
        for _ in range(3):
            await rig.client.request(method, path)

        assert len(await proofs(rig)) == before
        assert await news(rig) == ("send", "")


async def test_page_has_a_button_that_unsubscribes_and_the_way_to_all_choices(
    tmp_path: Path,
) -> None:
    """The button posts to the page itself; the link leads to the preferences."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path = path_to(rig, "unsubscribe", await told(rig))
        page = await shown(rig, path)
        to_choices = page.all("a")[0]["href"]
        choices = await shown(rig, path.rsplit("/", 1)[0] + "/" + to_choices)
        done = await sent(rig, path, [])
        verdict = await news(rig)

    assert page.all("form") == [{"method": "post"}]
    assert page.all("script") == []
    assert (choices.status, choices.on != set()) == (200, True)
    assert (done.status, verdict) == (200, ("withheld", "consent"))


@pytest.mark.parametrize(
    "body",
    [b"", b"List-Unsubscribe=One-Click", b"\xff\x00", b"{}", b"a=" + b"x" * 100_000],
    ids=["none", "one click", "bytes", "json", "large"],
)
async def test_no_question_is_asked_of_a_post(tmp_path: Path, body: bytes) -> None:
    """What is in the body, in cookies or in other headers does not matter."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path = path_to(rig, "unsubscribe", await told(rig))
        headers = {"Cookie": "session=1", "Origin": "https://mail.example.org"}
        answer = await rig.client.post(path, data=body, headers=headers, allow_redirects=False)

        assert (answer.status, "Set-Cookie" in answer.headers) == (200, False)
        assert (await proofs(rig))[-1][:4] == ("marketing", "email", "u", "n")


@pytest.mark.parametrize("lang", ["fr", "%00", "%3Cscript%3E", "ko&lang=fr"])
async def test_no_language_that_is_asked_for_keeps_a_no_from_counting(
    tmp_path: Path, lang: str
) -> None:
    """Whatever somebody has put behind the link: a page for people, and the no holds."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path = f"{path_to(rig, 'unsubscribe', await told(rig))}?lang={lang}"
        looked, done = await shown(rig, path), await sent(rig, path, ONE_CLICK)
        verdict = await news(rig)

    assert (looked.status, done.status) == (200, 200)
    assert looked.all("script") == []
    assert verdict == ("withheld", "consent")


async def test_second_click_changes_nothing_and_one_after_a_new_yes_counts(tmp_path: Path) -> None:
    """The same old mail says no again, whatever was said since."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        message_id = await told(rig)
        path = path_to(rig, "unsubscribe", message_id)
        await sent(rig, path, ONE_CLICK)
        once = len(await proofs(rig))
        await sent(rig, path, ONE_CLICK)
        twice = len(await proofs(rig))
        choices = path_to(rig, "preferences", message_id)
        rig.clock.move_to(rig.clock.now_ms() + 1000)
        page = await shown(rig, choices)
        await sent(rig, choices, page.form(tick=("marketing.email",)))
        between = await news(rig)
        rig.clock.move_to(rig.clock.now_ms() + 1000)
        await sent(rig, path, ONE_CLICK)

        assert (once, between) == (twice, ("send", ""))
        assert await news(rig) == ("withheld", "consent")


async def test_in_app_link_concerns_nobody_else(tmp_path: Path) -> None:
    """Everybody's SDK has one reference: the no is its person's alone."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        await told(rig)
        await rig.apply(IN_APP)
        await news(rig)
        in_app = str((await rig.records("claim"))[-1]["subject"])
        await rig.send({"type": "consent", "values": {"marketing": "y"}}, user_id="u1")
        await sent(rig, path_to(rig, "unsubscribe", in_app), ONE_CLICK)
        found = [p for p in await rig.gateway.store.proofs.page(0, 99) if p.new_value == "n"]
        verdict = await news(rig)

    assert [(p.purpose, p.channel) for p in found] == [("marketing", "in_app")]
    assert verdict == ("withheld", "consent")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_ticket_of_what_is_gone_gets_the_same_friendly_answer(
    tmp_path: Path, method: str
) -> None:
    """Rightly signed, of nobody any more: 200. One of another door, or changed: 404, in words."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        message_id = await told(rig)
        seed, before = rig.gateway.credentials.seed, len(await proofs(rig))
        answers = [
            await rig.client.request(method, f"/v1/unsubscribe/{ticket}")
            for ticket in (
                write_ticket(seed, "unsubscribe", "erased"),
                write_ticket(seed, "preferences", message_id),
                write_ticket("another seed", "unsubscribe", message_id),
            )
        ]

        assert [a.status for a in answers] == [200, 404, 404]
        assert "as it stands in the message" in await answers[-1].text()
        assert len(await proofs(rig)) == before


async def test_no_forged_ticket_says_no(tmp_path: Path) -> None:
    """Every ticket with one character changed, or cut short: none is taken, nothing breaks."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path = path_to(rig, "unsubscribe", await told(rig))
        before = len(await proofs(rig))
        room, good = path.rsplit("/", 1)
        changed = [
            good[:at] + ("b" if c == "a" else "a") + good[at + 1 :] for at, c in enumerate(good)
        ]
        cut = [good[:at] for at in range(1, len(good))]
        for bad in (*changed, *cut, good + "a", good.upper(), "é" * 9, "." * 9, "~" * 999):
            answer = await rig.client.post(f"{room}/{bad}")
            assert answer.status == 404

        assert len(await proofs(rig)) == before


async def test_store_away_is_503_and_nothing_is_said(tmp_path: Path) -> None:
    """A mail program tries again later; a person reads that nothing was changed."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        path = path_to(rig, "unsubscribe", await told(rig))
        taken = rig.gateway.store.refusals.take

        async def away(*_: object) -> None:
            raise StoreUnavailableError

        rig.gateway.store.refusals.take = away  # type: ignore[method-assign,assignment]  # a failing disk
        refused = await sent(rig, path, ONE_CLICK)
        rig.gateway.store.refusals.take = taken  # type: ignore[method-assign]  # it is back
        again = await sent(rig, path, ONE_CLICK)

    assert (refused.status, "nothing was changed" in refused.words) == (503, True)
    assert again.status == 200


async def test_link_without_a_public_url_withholds_the_message(tmp_path: Path) -> None:
    """A mail that promises a way out and has none does not go."""
    async with open_rig(tmp_path, public_url="") as rig:
        await told(rig, OPEN_POLICY)

        assert (await rig.claims())[-1] == ("withheld", "no_public_url")


async def test_pages_are_kept_by_nobody_and_load_nothing(tmp_path: Path) -> None:
    """No cache, no script, no referrer, no frame; and nothing of the person in the address."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        message_id = await told(rig)
        for door in ("unsubscribe", "preferences"):
            path = path_to(rig, door, message_id)
            response = await rig.client.get(path)

            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "form-action 'self'" in policy
            assert "src=" not in await response.text()
