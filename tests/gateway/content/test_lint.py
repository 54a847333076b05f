from __future__ import annotations

from time import process_time  # noqa: TID251 - a hang guard, not a figure

import pytest

from fencepost_gateway.content.lint import lint_documents, lint_template
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Document, Origin, SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load


@pytest.mark.parametrize(
    ("source", "what", "how"),
    [
        ("{{ persn.name }}", "unknown variable persn", "did you mean person?"),
        ("{% if user.vip %}a{% endif %}", "unknown variable user", "begin with one of"),
        ("{{ 'a' | append: plce.name }}", "unknown variable plce", "did you mean place?"),
        ("{{ place.gym }}", "a place has no gym", "own data is under place.meta.gym"),
        ("{{ person.name | upcas }}", "unknown filter upcas", "did you mean upcase?"),
        ("{{ person.name | safe }}", "unknown filter safe", ""),
        ("a\n{% include 'x' %}", "unexpected tag", "line 2"),
        ("a\n\n{{ person.name", "{{ is not closed", "line 3"),
        ("a\n{{ place.name {{ now }}", "{{ is not closed before the next one", "line 2"),
        ("{% for i in (1..5000) %}{% endfor %}", "a range needs two written numbers", ""),
    ],
)
def test_fault_is_found_before_anybody_gets_it(source: str, what: str, how: str) -> None:
    """Syntax, roots, members of a place and filters are checked without a person."""
    (finding,) = lint_template({"sms": {"text": source}})

    assert what in finding.what
    assert how in finding.how


def test_every_member_of_every_channel_is_read() -> None:
    """Faults say where they stand, buttons included."""
    wrong = "{{ x }}"
    body = {
        "in_app": {"layout": "modal", "body": wrong, "buttons": [{"text": "a", "link": wrong}]},
        "email": {"subject": wrong, "text": wrong, "html": wrong},
    }

    assert [finding.path for finding in lint_template(body)] == [
        ("in_app", "body"),
        ("in_app", "buttons", 0, "link"),
        ("email", "subject"),
        ("email", "text"),
        ("email", "html"),
    ]


def test_names_of_the_template_s_own_are_fine() -> None:
    """What a template assigns, captures or loops over is known inside it."""
    source = (
        "{% assign a = person.x %}{{ a }}{% capture b %}c{% endcapture %}{{ b }}"
        "{% for i in event.items %}{{ i }}{{ forloop.index }}{% endfor %}"
        "{{ place.meta.x }}{{ now | date: '%H' }}"
    )

    assert list(lint_template({"sms": {"text": source}})) == []


BASE = """\
kind: fence
id: studio-port
circle: {lat: 43.7, lon: 7.4, radius_m: 60}
tags: [studio]
---
kind: campaign
id: greeting
entry: {transition: enter, fence: {tag: studio}}
when: {person: tier, is: plus}
message: {template: greet, channels: [sms]}
goal: none
"""


def said(text: str, more: str = BASE, *, live: str = "") -> list[str]:
    """Check a file of documents beside the base; give its lines, without the file's name."""
    loaded = load([SourceFile("t.yaml", text), SourceFile("base.yaml", more)])
    stored = load([SourceFile("live.yaml", live)]).documents
    assert [str(p) for p in loaded.problems] == []
    kept = [StoredDocument(d.kind, d.id, 1, d.body) for d in stored]
    return [str(p).removeprefix("t.yaml:") for p in check(loaded.documents, kept, lint_documents)]


def template(text: str, *, purpose: str = "marketing") -> str:
    """Give the template of the base's campaign."""
    return f"kind: template\nid: greet\npurpose: {purpose}\n{text}\n"


IN = "template greet, "
LINTS = {
    "nearest without a tag": (
        template('sms: {text: "{{ nearest.name }}"}'),
        [
            f"4: {IN}sms.text: nearest needs a tag and a member; write nearest.name.name",
            (
                f"4: {IN}sms.text: warning: nearest.name has no default: whoever denies "
                "personalisation gets nothing; write {{ nearest.name | default: '…' }}, or put an "
                "if "
                "around it"
            ),
            f"4: {IN}sms.text: warning: no fence has the tag name; give it to a fence",
        ],
    ),
    "member of the nearest": (
        template("sms: {text: \"{{ nearest.studio.tagz | default: 'a' }}\"}"),
        [
            (
                f"4: {IN}sms.text: a place has no tagz; "
                "own data is under nearest.studio.meta.tagz; "
                "did you mean tags?"
            )
        ],
    ),
    "member of the place": (
        template('sms: {text: "{{ place.tagz }}"}'),
        [
            (
                f"4: {IN}sms.text: a place has no tagz; own data is under place.meta.tagz; "
                "did you mean tags?"
            )
        ],
    ),
    "tag that nobody has": (
        template("sms: {text: \"{{ nearest.studoi.name | default: 'a' }}\"}"),
        [f"4: {IN}sms.text: warning: no fence has the tag studoi; did you mean nearest.studio?"],
    ),
    "attribute mistyped": (
        template("sms: {text: \"{{ person.tierr | default: 'a' }}\"}"),
        [
            (
                f"4: {IN}sms.text: warning: person.tierr is named nowhere else; "
                "did you mean person.tier?"
            )
        ],
    ),
    "line in a longer text": (
        template("sms:\n  text: |\n    Hi\n    {{ persn.name }}"),
        [f"5: {IN}sms.text: unknown variable persn (line 2 of this text); did you mean person?"],
    ),
    "no default": (
        template('sms: {text: "Hi {{ person.first_name }}"}'),
        [
            (
                f"4: {IN}sms.text: warning: person.first_name has no default: whoever denies "
                "personalisation gets nothing; write {{ person.first_name | default: '…' }}, or "
                "put "
                "an if around it"
            )
        ],
    ),
    "segments": (
        template("sms: {text: " + "a" * 161 + "}"),
        [
            (
                f"4: {IN}sms.text: warning: at least 2 segments of GSM 7-bit, 161 units; "
                "each segment is paid for: shorten it, if one will do"
            )
        ],
    ),
    "segments by one letter": (
        template("sms: {text: 가" + "a" * 70 + "}"),
        [
            (
                f"4: {IN}sms.text: warning: "
                "at least 2 segments of UCS-2 because of '가', 71 units; "
                "each segment is paid for: shorten it, if one will do"
            )
        ],
    ),
    "long title": (
        template("sms: {text: a}\nweb_push: {title: " + "a" * 51 + "}"),
        [
            (
                f"5: {IN}web_push.title: warning: 51 characters, and 50 are surely shown; "
                "shorten it, or put what matters first"
            )
        ],
    ),
    "link that never goes out": (
        template("sms: {text: a}\nweb_push: {title: a, link: shop.example}"),
        [
            (
                f"5: {IN}web_push.link: no message may open this link; "
                "write https://…, /path, or a scheme of your app"
            )
        ],
    ),
    "link that is not encrypted": (
        template('sms: {text: a}\nweb_push: {title: a, link: "http://shop.example"}'),
        [f"5: {IN}web_push.link: warning: the link is not encrypted; write https://"],
    ),
    "scheme in HTML": (
        template("sms: {text: a}\nemail: {subject: a, text: a, html: '<a href=\"javascript:x\">'}"),
        [
            (
                f"5: {IN}email.html: an address in the HTML may not be sent; "
                "use https, mailto, tel, cid or an anchor"
            )
        ],
    ),
    "dead link and bare image": (
        template(
            "sms: {text: a}\nemail: {subject: a, text: a, "
            'html: \'<a href="#">b</a><img src="http://a.example/b.png">\'}'
        ),
        [
            f"5: {IN}email.html: warning: a link leads nowhere; give every href an address",
            f"5: {IN}email.html: warning: an address in the HTML is not encrypted; write https://",
            (
                f"5: {IN}email.html: warning: an image has no alt text; "
                'add alt="…", or alt="" for decoration'
            ),
        ],
    ),
    "advertising in a service message": (
        template("sms: {text: Your order is here. 20 % off the next}", purpose="transactional"),
        [
            (
                f"4: {IN}sms.text: warning: "
                "'20 % off' reads like advertising inside a transactional "
                "template; take it out, or make the purpose marketing"
            )
        ],
    ),
    "advertising in Korean": (
        template("sms: {text: 주문이 도착했습니다. 할인 쿠폰도 있어요}", purpose="transactional"),
        [
            (
                f"4: {IN}sms.text: warning: '할인' reads like advertising inside a transactional "
                "template; take it out, or make the purpose marketing"
            )
        ],
    ),
    "translation of a channel that is not there": (
        template(
            "sms: {text: a}\nlanguages: {en: default, "
            "fr: {sms: {text: b}, email: {text: c, subject: d}}}"
        ),
        [
            (
                f"5: {IN}languages.fr.email: warning: fr has a channel that the default has not, "
                "so nobody gets it; write it in the default too, or take it out"
            )
        ],
    ),
    "unfinished translation": (
        template(
            "sms: {text: a}\nin_app: {title: a, body: b}\nlanguages: {en: default, "
            "fr: {in_app: {body: b}}}"
        ),
        [
            (
                f"6: {IN}languages.fr: warning: fr lacks in_app.title, sms; "
                "translate it; until then the channel goes out in the next language"
            )
        ],
    ),
    "korean marketing without its label": (
        template("sms: {text: a}\nlanguages: {en: default, ko: {sms: {text: 가}}}"),
        [
            (
                f"5: {IN}languages.ko.sms: warning: Korean marketing that does not begin "
                f"with (광고); "
                "begin text with (광고): Korean law asks for it"
            )
        ],
    ),
    "korean marketing that says no language": (
        template("sms: {text: 오늘만 요가}"),
        [
            (
                f"4: {IN}sms: warning: Korean marketing that does not begin with (광고); "
                "begin text with (광고): Korean law asks for it"
            )
        ],
    ),
    "link without a host": (
        template('sms: {text: a}\nweb_push: {title: a, link: "https:///sale"}'),
        [
            (
                f"5: {IN}web_push.link: an address without a host: this link is dead; "
                "write https://HOST/PATH"
            )
        ],
    ),
    "link to no host": (
        template(
            'sms: {text: a}\nweb_push: {title: a, link: "https://shop..example/{{ place.name }}"}'
        ),
        [
            (
                f"5: {IN}web_push.link: no host: shop..example: this link is dead; "
                "write https://HOST/PATH"
            )
        ],
    ),
    "link to the house": (
        template(
            'sms: {text: a}\nin_app: {body: a, buttons: [{text: b, link: "https://staging.lan/x"}]}'
        ),
        [
            (
                f"5: {IN}in_app.buttons.0.link: warning: staging.lan is not on the public "
                "internet; name a host that everybody can reach"
            )
        ],
    ),
    "dead address in a text": (
        template('sms: {text: "Book: https://shop.example:70000/a."}'),
        [
            (
                f"4: {IN}sms.text: warning: no address that can be read: this link is dead; "
                "write https://HOST/PATH"
            )
        ],
    ),
    "dead addresses in html": (
        template(
            'sms: {text: a}\nemail:\n  subject: a\n  text: a\n  html: \'<a href="/sale">a</a>'
            '<a href="#top">b</a><a href="https://-/">c</a>\''
        ),
        [
            (
                f"8: {IN}email.html: warning: a relative address, and a mail has no page to start "
                "from: /sale; write https://HOST/PATH"
            ),
            (
                f"8: {IN}email.html: warning: nothing here is called top: the link leads nowhere; "
                'add id="top" there'
            ),
            f"8: {IN}email.html: no host: -: this link is dead; write https://HOST/PATH",
        ],
    ),
    "value that nobody looks up": (
        template('sms: {text: "{{ value.bread.name | default: 1 }}"}'),
        [
            (
                f"4: {IN}sms.text: warning: no step looks up value.bread; "
                "write the look_up with as:, or name another"
            )
        ],
    ),
    "event that nobody brings": (
        template('sms: {text: "{{ event.order | default: 1 }}"}'),
        [
            (
                f"4: {IN}sms.text: warning: event has no values here: no event wakes campaign "
                "greeting; take it out, or let an event bring people in"
            )
        ],
    ),
    "unused template": (
        template("sms: {text: a}") + "---\nkind: template\nid: other\npurpose: marketing\n"
        "sms: {text: a}\n",
        [
            (
                "6: template other: warning: no campaign or journey sends this template; "
                "use it, or take it out"
            )
        ],
    ),
    "unused fragment": (
        template("sms: {text: a}") + "---\nkind: fragment\nid: foot\ntext: a\n",
        ["6: fragment foot: warning: no template renders this fragment; use it, or take it out"],
    ),
    "no such fragment": (
        template("sms: {text: \"{% render 'foter' %}\"}")
        + "---\nkind: fragment\nid: footer\ntext: a\n",
        [
            f"4: {IN}sms.text: there is no fragment foter; did you mean footer?",
            (
                "6: fragment footer: warning: no template renders this fragment; use it, or take "
                "it "
                "out"
            ),
        ],
    ),
    "fragments that render each other": (
        template("sms: {text: \"{% render 'a' %}\"}")
        + "---\nkind: fragment\nid: a\ntext: \"{% render 'b' %}\"\n"
        + "---\nkind: fragment\nid: b\ntext: \"{% render 'a' %}\"\n",
        [
            (
                "8: fragment a, text: fragment a renders itself through b; "
                "take one of the two out of the other"
            ),
            (
                "12: fragment b, text: fragment b renders itself through a; "
                "take one of the two out of the other"
            ),
        ],
    ),
    "what a fragment is not handed": (
        template("sms: {text: \"{% render 'a', city: 'Nice' %}\"}")
        + '---\nkind: fragment\nid: a\ntext: "{{ city }} {{ zip }}"\n',
        ['8: fragment a, text: unknown variable zip; hand it over: render "a", zip: …'],
    ),
    "syntax in a translation": (
        template('sms: {text: a}\nlanguages: {en: default, fr: {sms: {text: "{{ a"}}}'),
        [f"5: {IN}languages.fr.sms.text: {{{{ is not closed; mend the Liquid, line 1 of this text"],
    ),
}


@pytest.mark.feature("C08")
@pytest.mark.parametrize(("text", "lines"), LINTS.values(), ids=LINTS.keys())
def test_each_lint_says_where_what_and_how(text: str, lines: list[str]) -> None:
    """A broken document for every lint, and the line it gets."""
    assert said(text) == lines


FINE = {
    "default": template("sms: {text: \"{{ person.first_name | default: 'you' }}\"}"),
    "condition": template('sms: {text: "{% if person.x %}{{ person.x }}{% endif %}a"}'),
    "missing is default": template('missing: default\nsms: {text: "a{{ person.x }}"}'),
    "service message": template('sms: {text: "Order {{ person.order }}"}', purpose="transactional"),
    "labelled": template(
        "sms: {text: a}\nin_app: {title: b, body: c}\nemail: {subject: d, text: e}\n"
        "languages: {en: default, ko: {sms: {text: (광고) 가}, "
        "in_app: {title: 나, body: (광고) 다}, "
        "email: {subject: (광고) 라, text: 마}}}"
    ),
    "korean service message": template(
        "sms: {text: a}\nlanguages: {en: default, ko: {sms: {text: 가}}}", purpose="transactional"
    ),
    "links that lead somewhere": template(
        'sms: {text: "See https://shop.example/a?b=c, or https://매장.example/가."}\n'
        'in_app: {body: a, buttons: [{text: b, link: "https://{{ place.meta.host }}/x"},\n'
        '  {text: c, link: /sale}, {text: d, link: "luma://book"}]}\n'
        'email: {subject: a, text: b, html: \'<h1 id="top">a</h1><a href="#top">b</a>'
        '<a href="mailto:a@shop.example">c</a><a href="{{ place.meta.url }}">d</a>'
        '<img alt="" src="https://shop.example/a.png" srcset="a.png 1x, b.png 2x">\'}'
    ),
    "dynamic link": template('sms: {text: a}\nweb_push: {title: a, link: "{{ place.meta.url }}"}'),
    "one segment": template("sms: {text: " + "a" * 160 + "}"),
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_what_is_fine_is_not_warned_about(text: str) -> None:
    """A warning that cries wolf is not read."""
    assert said(text) == []


def test_fragment_that_would_break_a_live_template_is_refused() -> None:
    """What is live is looked at too: its fragment may not go, nor its campaign warned about."""
    live = template("sms: {text: \"{% render 'gone' %}\"}")

    assert said("kind: library\nid: l\n", live=live) == [
        (
            "live document: template greet, sms.text: there is no fragment gone; "
            "write the fragment, or take it out"
        )
    ]


@pytest.mark.bad_input(108)
@pytest.mark.parametrize(
    "text",
    [
        "{{" * 30_000,
        "<img" * 16_000,
        "{% render 'a" * 5_000,
        "<a href=" * 8_000,
        "{%" + " " * 60_000,
    ],
    ids=["braces", "images", "fragments", "links", "blanks"],
)
def test_lint_of_a_bomb_is_linear(text: str) -> None:
    """The check of documents that somebody sent ends as soon as their rendering would."""
    body = {
        "kind": "template",
        "id": "t",
        "purpose": "marketing",
        "email": {"html": text, "subject": "a", "text": "a"},
    }
    begun_s = process_time()
    list(lint_documents([Document("template", "t", body, Origin("t.yaml"))]))

    assert process_time() - begun_s < 2.0


def test_name_that_is_nearly_one_of_a_place_is_doubted() -> None:
    """A slip in own data of places would withhold the message from everybody."""
    fence = (
        "kind: fence\nid: f\ncircle: {lat: 43.7, lon: 7.4, radius_m: 60}\n"
        "place: {meta: {open_until: '18:00'}}\n"
    )
    text = template('sms: {text: "till {{ place.meta.open_til | default: 1 }}"}')

    lines = said(text, f"{BASE}---\n{fence}")

    assert any("no place has meta.open_til; did you mean open_until?" in line for line in lines)
