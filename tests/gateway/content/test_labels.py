"""Labels: what the law wants said is said, once, whatever the template says."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_channels.message import (
    Content,
    EmailContent,
    InAppContent,
    SmsContent,
    WebPushContent,
)
from fencepost_gateway.content.labels import Duties, finish
from fencepost_gateway.content.renderer import RenderProblem
from fencepost_gateway.decide.plan import Brand, Imprint, Label, Policy

LABEL = "(광고)"
LINK = "https://edge.example.com/v1/unsubscribe/m.t"
OUT = {"sms": "무료수신거부 {free_number}", "email": "수신거부: {link}"}
EVERYWHERE = frozenset({"in_app", "push", "web_push", "sms", "email"})
KR = Policy(
    "kr",
    2,
    {},
    {},
    label=Label(LABEL, EVERYWHERE, ("(광 고)", "[광고]")),
    imprint=Imprint(
        frozenset({"sms", "email"}), sender=True, contact=True, postal_address=True, opt_out=OUT
    ),
)
LUMA = Brand("luma", "Luma & Co", "+82 2 555 0100", "1 Namdaemun-ro, Seoul", "080-555-0100")
DUTIES = Duties((KR,), LUMA, LINK)

CONTENTS: dict[str, Content] = {
    "sms": SmsContent("Come at six"),
    "email": EmailContent("Come at six", "A seat is free.\n", "<body><p>A seat</p></body>"),
    "web_push": WebPushContent("Come at six"),
    "in_app": InAppContent("Come at six"),
}

pytestmark = [pytest.mark.feature("C08")]


def done(content: Content, channel: str, duties: Duties = DUTIES) -> Any:
    """Finish content that can be."""
    finished = finish(content, channel, duties)
    assert not isinstance(finished, RenderProblem)
    return finished


def heading(content: Any) -> str:
    """Give what is read first."""
    for name in ("subject", "title", "text", "body"):
        if getattr(content, name, ""):
            return str(getattr(content, name))
    return ""


@pytest.mark.parametrize("channel", CONTENTS)
def test_label_begins_what_is_read_first(channel: str) -> None:
    """A text, a subject, a title; the body of what has no title."""
    finished = done(CONTENTS[channel], channel)

    assert heading(finished).startswith(f"{LABEL} Come at six")


@pytest.mark.parametrize("channel", CONTENTS)
def test_second_run_says_nothing_twice(channel: str) -> None:
    """A template may say all of it itself."""
    once = done(CONTENTS[channel], channel)

    assert done(once, channel) == once


@pytest.mark.parametrize(
    "words", ["(광 고) now", " ( 광 고 ) now", "[광고] now", "\uff3b광고\uff3d now"]
)
def test_lookalike_of_the_label_is_withheld(words: str) -> None:
    """Blanks and width make no other label of it, and nothing is sent that hides what it is."""
    assert finish(SmsContent(words), "sms", DUTIES) == RenderProblem("label_refused", "sms.text")


def test_sms_ends_with_who_sends_and_how_to_say_no() -> None:
    """A line each, in the order in which they are wanted."""
    assert done(CONTENTS["sms"], "sms").text.split("\n") == [
        f"{LABEL} Come at six",
        "Luma & Co",
        "+82 2 555 0100",
        "무료수신거부 080-555-0100",
    ]


def test_both_parts_of_an_email_say_it() -> None:
    """In the HTML it is escaped, inside the body, and the link is one."""
    email = done(CONTENTS["email"], "email")
    said = ["Luma & Co", "+82 2 555 0100", "1 Namdaemun-ro, Seoul", f"수신거부: {LINK}"]

    assert email.text.rstrip().split("\n")[-4:] == said
    assert email.html.endswith("</p></body>")
    assert "Luma &amp; Co<br>" in email.html
    assert f'<a href="{LINK}">' in email.html


def test_what_the_template_says_is_not_said_again() -> None:
    """Its own words for the link are as good as the policy's."""
    html = f'<p>Luma &amp; Co, +82 2 555 0100, 1 Namdaemun-ro, Seoul <a href="{LINK}">no</a></p>'
    own = EmailContent("Hi", f"Luma & Co +82 2 555 0100 1 Namdaemun-ro, Seoul {LINK}", html)

    assert done(own, "email") == EmailContent(f"{LABEL} Hi", own.text, html)


@pytest.mark.parametrize("member", ["name", "contact", "postal_address"])
def test_what_nobody_told_withholds(member: str) -> None:
    """The record names the member that is missing."""
    told = {f: getattr(LUMA, f) for f in ("brand_id", "name", "contact", "postal_address")}
    brand = Brand(**(told | {member: ""}))

    found = finish(CONTENTS["email"], "email", Duties((KR,), brand, LINK))
    assert found == RenderProblem("sender_missing", f"brand.{member}")


def test_no_number_and_no_address_withhold_too() -> None:
    """How to say no must work."""
    without = Brand("luma", "Luma", "+82 2 555 0100", "Seoul")

    assert finish(CONTENTS["sms"], "sms", Duties((KR,), without, LINK)) == RenderProblem(
        "sender_missing", "brand.free_number"
    )
    assert finish(CONTENTS["email"], "email", Duties((KR,), LUMA)) == RenderProblem(
        "no_public_url", "opt_out.link"
    )


def test_all_policies_that_hold_are_obeyed() -> None:
    """Who is under two laws gets what both want, and the same only once."""
    link = {"sms": "Stop: {link}"}
    eu = Policy("eu", 1, {}, {}, imprint=Imprint(frozenset({"sms"}), sender=True, opt_out=link))

    lines = done(CONTENTS["sms"], "sms", Duties((KR, eu), LUMA, LINK)).text.split("\n")
    assert lines[-2:] == ["무료수신거부 080-555-0100", f"Stop: {LINK}"]
    assert lines.count("Luma & Co") == 1


def test_policy_that_wants_nothing_changes_nothing() -> None:
    """Content leaves as it came."""
    plain = Duties((Policy("default", 1, {}, {}),))

    assert all(finish(content, channel, plain) == content for channel, content in CONTENTS.items())


@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_no_words_of_a_template_take_it_off(channel: str, data: st.DataObject) -> None:
    """Whatever it says, what goes out begins with the label and says how to say no, or stays."""
    kind: Any = type(CONTENTS[channel])
    words = st.text(max_size=60)
    texts = [f.name for f in fields(kind) if f.type == "str" and f.name != "layout"]
    content = kind(**{name: data.draw(words) for name in texts})

    finished = finish(content, channel, DUTIES)
    if isinstance(finished, RenderProblem):
        assert finished.code == "label_refused"
        return
    assert heading(finished).lstrip().startswith(LABEL)
    if channel == "sms":
        assert "무료수신거부 080-555-0100" in finished.text  # type: ignore[union-attr]
