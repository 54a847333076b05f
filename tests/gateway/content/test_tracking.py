"""Links that tell they were followed: which are rewritten, and where they lead."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_channels.message import Content, EmailContent, InAppContent, SmsContent
from fencepost_gateway.content.tracking import Tracking
from fencepost_gateway.decide.plan import Fragment, Plan, Template
from fencepost_gateway.intake.tracked_links import (
    NUMBER_MAX,
    PAGE_MAX,
    LinkPlace,
    click_link,
    location_of,
    read_click,
    read_open,
)
from gateway.policies import make_policy

URL = "https://edge.example.com/x"
SEED = "seed"
ID = "m" * 32
SHOP = "https://shop.example/sale?a=1&b=2#top"
FOOTER = Fragment("footer", 1, {"text": "https://legal.example/terms", "html": ""})


def tracked(content: Content, source: str = SHOP, *, opens: bool = False) -> Content:
    """Track a content whose author wrote ``source``."""
    template = Template(
        "t", 1, "marketing", {"email": {"text": source}}, tracks_opens=opens, tracks_clicks=True
    )
    plan = Plan(1, make_policy(), seed=SEED, fragments={"footer": FOOTER})
    channel = "sms" if isinstance(content, SmsContent) else "email"
    return Tracking(URL).track(content, plan, template, ID, channel)


def followed(link: str) -> tuple[int, str]:
    """Give number and page of a tracked link, as the gateway reads it."""
    parts = urlsplit(link)
    (page,) = parse_qs(parts.query)["to"]
    at = read_click(SEED, parts.path.rpartition("/")[2], page)
    assert at is not None
    assert (at.message_id, link.startswith(f"{URL}/v1/click/")) == (ID, True)
    return at.number, page


def links_in(text: str) -> list[str]:
    """Give the addresses in a text or HTML."""
    return re.findall(r"https://[^\s<>\"]+", text)


def test_links_of_text_and_html_lead_over_the_gateway_by_one_number() -> None:
    """A page has one number, wherever it stands; what surrounds it stays as it was."""
    html = f'<p>See <a class="b" href="{SHOP.replace("&", "&amp;")}">it</a></p>'
    text = f"See it ({SHOP}). Terms: https://legal.example/terms!"
    made = tracked(EmailContent("S", text, html))

    assert isinstance(made, EmailContent)
    one, two = (link.rstrip(").!") for link in links_in(made.text))
    (three,) = links_in(made.html)
    assert (followed(one), followed(two)) == ((1, SHOP), (2, "https://legal.example/terms"))
    assert (three, made.subject) == (one, "S")
    assert made.text == text.replace(SHOP, one).replace("https://legal.example/terms", two)
    assert made.html == f'<p>See <a class="b" href="{one}">it</a></p>'


def test_sms_keeps_its_words() -> None:
    """Only the address changes."""
    made = tracked(SmsContent(f"Sale: {SHOP}"))

    assert isinstance(made, SmsContent)
    assert made.text.startswith("Sale: ")
    assert followed(made.text.removeprefix("Sale: ")) == (1, SHOP)


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/shop.example",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "http://shop.example/",
        "javascript:alert(1)//https:",
        f"{URL}/v1/unsubscribe/abc",
        f"{URL}/v1/preferences/abc",
        f"{URL}/v1/confirm/abc",
    ],
)
def test_only_what_the_author_wrote_is_vouched_for(text: str) -> None:
    """Neither a host that a value brought along, nor another scheme, nor our own answer links."""
    source = f"{SHOP} {URL}/v1/confirm/"
    html = f'<a href="{text}">x</a>'
    content = EmailContent("S", text, html)

    assert tracked(content, source) == content


def test_page_that_is_too_long_is_left_as_it_is() -> None:
    """A link that mail programs might cut leads where its author wrote, and is not counted."""
    longest = SHOP + "x" * (PAGE_MAX - len(SHOP))
    beyond = SmsContent(longest + "x")
    made = tracked(SmsContent(longest))

    assert isinstance(made, SmsContent)
    assert followed(made.text) == (1, longest)
    assert tracked(beyond) == beyond


def test_links_beyond_the_last_number_are_left_as_they_are() -> None:
    """They lead where they are written, and nobody counts them."""
    pages = [f"https://shop.example/{n}" for n in range(NUMBER_MAX + 1)]
    made = tracked(EmailContent("S", " ".join(pages)))

    assert isinstance(made, EmailContent)
    *counted, last = made.text.split()
    assert followed(counted[-1]) == (NUMBER_MAX, pages[-2])
    assert last == pages[-1]


def test_host_that_liquid_makes_is_not_written() -> None:
    """``https://{{ event.host }}/`` and ``https://shop{{ x }}`` name no host."""
    content = SmsContent("https://shop.example/ https://shop.example.evil/")

    assert tracked(content, "https://{{ event.host }}/ https://shop{{ x }} https://shop") == content


def test_other_channels_and_pictures_are_left_alone() -> None:
    """An app and a push tell of clicks themselves; a picture is loaded, not followed."""
    picture = EmailContent("S", "T", f'<img src="{SHOP}"><link href="{SHOP}">')

    assert tracked(picture) == picture
    assert tracked(InAppContent(SHOP)) == InAppContent(SHOP)


def test_pixel_stands_at_the_end_of_the_html() -> None:
    """One, invisible, before the body ends; an email without HTML has none."""
    made = tracked(EmailContent("S", "T", "<body><p>x</p></body>"), opens=True)
    bare = tracked(EmailContent("S", "T"), opens=True)

    assert isinstance(made, EmailContent)
    found = re.fullmatch(
        rf'<body><p>x</p><img src="{re.escape(URL)}/v1/open/([^"]+)\.gif" width="1" height="1" '
        r'alt=""></body>',
        made.html,
    )
    assert found is not None
    assert read_open(SEED, found[1]) == LinkPlace(ID, "email")
    assert bare == EmailContent("S", "T")


def test_nothing_is_tracked_without_a_public_address() -> None:
    """The message goes as its author wrote it."""
    template = Template("t", 1, "marketing", {"sms": {"text": SHOP}}, tracks_clicks=True)
    content, plan = SmsContent(SHOP), Plan(1, make_policy(), seed=SEED)

    assert Tracking("").track(content, plan, template, ID, "sms") is content


PAGES = st.from_regex(
    r"https://[a-z]{1,9}\.example/[^\s\"<>\\^`{|}\x00-\x1f\x7f]{0,40}", fullmatch=True
)


@settings(max_examples=200)
@given(page=PAGES, other=PAGES, number=st.integers(1, 999))
@pytest.mark.guarantee("R19")
def test_link_leads_to_its_page_and_to_no_other(page: str, other: str, number: int) -> None:
    """The mac covers the page, letter by letter; a browser gives it back as it was."""
    link = click_link(URL, SEED, LinkPlace(ID, "sms", number), page)
    ticket = urlsplit(link).path.rpartition("/")[2]

    assert followed(link) == (number, page)
    assert (read_click(SEED, ticket, other) is None) == (page != other)
    assert read_click("other seed", ticket, page) is None
    assert location_of(page).isascii()
