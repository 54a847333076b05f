from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.documents.document import Problem, SourceFile
from fencepost_gateway.documents.kinds import LATER_KINDS
from fencepost_gateway.documents.loader import Loaded, load
from real_data import real_data

CAMPAIGN = """\
kind: campaign
id: c
entry: {event: cart}
message: {template: t, channels: [sms]}
"""
TEMPLATE = "kind: template\nid: t\npurpose: marketing\n"
FENCE = "kind: fence\nid: f\ncircle: {lat: 43.7, lon: 7.4, radius_m: 60}\n"


def read(*texts: str, **files: str) -> Loaded:
    """Load texts as YAML files ``0.yaml`` …, and named files."""
    numbered = [SourceFile(f"{n}.yaml", text) for n, text in enumerate(texts)]
    named = [SourceFile(name.replace("__", "/").replace("_", "."), t) for name, t in files.items()]
    return load([*numbered, *named])


def only(loaded: Loaded) -> Problem:
    """Give the one problem."""
    assert len(loaded.problems) == 1, [str(problem) for problem in loaded.problems]
    return loaded.problems[0]


def test_documents_of_all_files_are_read_in_order() -> None:
    """Files in order of their paths, documents in order of writing."""
    loaded = read(CAMPAIGN + "---\n" + TEMPLATE + "sms: {text: hi}\n", FENCE)

    assert loaded.problems == []
    assert [(d.kind, d.id) for d in loaded.documents] == [
        ("campaign", "c"),
        ("template", "t"),
        ("fence", "f"),
    ]


def test_all_problems_are_told_at_once_with_file_line_and_path() -> None:
    """Every fault of every document comes with its place and remedy."""
    text = """\
kind: campaign
id: Upper
entry: {event: cart, wher: {a: 1}}
when: {all: [
  {person: tier, iss: plus},
  {event: value, gt: much}]}
message:
  template: t
  channels: [sms, push]
  max_age: 2w
nme: x
"""
    problems = [str(problem) for problem in read(text).problems]

    assert problems == [
        "0.yaml:2: campaign Upper, id: no id; use 1 to 64 of a-z, 0-9 and -",
        "0.yaml:3: campaign Upper, entry.wher: unknown member wher; did you mean where?",
        "0.yaml:5: campaign Upper, when.all.0.iss: unknown member iss; did you mean is?",
        (
            "0.yaml:6: campaign Upper, when.all.1.gt: 'much' does not fit gt; "
            "compare with a number; moments use before, after, within"
        ),
        (
            "0.yaml:10: campaign Upper, message.max_age: no duration; "
            "write 30s 10m 2h 7d; there are no months"
        ),
        "0.yaml:11: campaign Upper, nme: unknown member nme; did you mean name?",
    ]


FAULTS: dict[str, tuple[str, str]] = {
    "no kind": ("id: a\n", "the document has no kind"),
    "scenario": ("kind: scenario\nid: a\n", "a scenario is played, not published"),
    "unknown kind": ("kind: campain\nid: a\n", "unknown kind 'campain'"),
    "no mapping": ("- a\n", "no mapping"),
    "missing member": (CAMPAIGN.replace("entry: {event: cart}\n", ""), "entry is missing"),
    "empty entry": (
        CAMPAIGN.replace("{event: cart}", "{}"),
        "nothing to wait for",
    ),
    "two entries in one": (
        CAMPAIGN.replace("{event: cart}", "{event: a, transition: enter, fence: {id: f}}"),
        "both event and transition",
    ),
    "transition of what": (
        CAMPAIGN.replace("{event: cart}", "{transition: enter}"),
        "which fences?",
    ),
    "no transition": (
        CAMPAIGN.replace("{event: cart}", "{transition: visit, fence: {id: f}}"),
        "'visit' is not possible here",
    ),
    "opened of exit": (
        CAMPAIGN.replace("{event: cart}", "{transition: exit, fence: {id: f}, opened: true}"),
        "opened belongs to enter",
    ),
    "opened of an event": (
        CAMPAIGN.replace("{event: cart}", "{event: cart, opened: true}"),
        "opened belongs to transition",
    ),
    "after of enter": (
        CAMPAIGN.replace("{event: cart}", "{transition: enter, fence: {id: f}, after: 5m}"),
        "after belongs to dwell",
    ),
    "cron of seconds": (
        CAMPAIGN.replace("{event: cart}", '{schedule: "0 0 10 1 * *"}'),
        "a cron expression has 5 fields",
    ),
    "cron that never comes": (
        CAMPAIGN.replace("{event: cart}", '{schedule: "0 0 30 2 *"}'),
        "no cron expression (bad day-of-month)",
    ),
    "schedule nowhere": (
        CAMPAIGN.replace("{event: cart}", '{schedule: "0 10 1 * *", zone: Monaco}'),
        "no time zone",
    ),
    "new of whom": (
        CAMPAIGN.replace("{event: cart}", '{schedule: "0 10 1 * *", only_new: true}'),
        "only_new, and of whom?",
    ),
    "event for an audience": (
        CAMPAIGN.replace("{event: cart}", "{event: cart, for: {audience: a}}"),
        "for belongs to external or schedule",
    ),
    "existing who leave": (
        CAMPAIGN.replace("{event: cart}", "{audience: a, on: leave, include_existing: true}"),
        "include_existing belongs to on: join",
    ),
    "limits of nothing": (CAMPAIGN + "limits: {}\n", "it limits nothing"),
    "per without entries": (
        CAMPAIGN + "limits: {running: 5, per: day}\n",
        "per belongs to entries",
    ),
    "limit of none": (CAMPAIGN + "limits: {entries: 0}\n", "does not fit"),
    "channel twice": (CAMPAIGN.replace("[sms]", "[sms, sms]"), "a channel is named twice"),
    "no channel": (CAMPAIGN.replace("[sms]", "[]"), "does not fit"),
    "bad percentage": (CAMPAIGN + "holdout: 110%\n", "no percentage"),
    "bad re-entry": (CAMPAIGN + "reentry: {after: soon}\n", "no re-entry rule"),
    "bad moment": (CAMPAIGN + "run: {from: tomorrow}\n", "no moment"),
    "text for a flag": (CAMPAIGN.replace("[sms]}", "[sms], each: 'yes'}"), "does not fit"),
    "number for text": (CAMPAIGN + "name: 3\n", "does not fit"),
    "steps": (CAMPAIGN + "steps: []\n", "unknown member steps"),
    "template without content": (TEMPLATE, "no content"),
    "template without purpose": ("kind: template\nid: t\nsms: {text: a}\n", "purpose is missing"),
    "mjml that is none": (TEMPLATE + "email: {subject: a, text: b, mjml: c}\n", "no MJML"),
    "mjml and html": (
        TEMPLATE + "email: {subject: a, text: b, html: c, mjml: <mjml></mjml>}\n",
        "both html and mjml",
    ),
    "preheader alone": (
        TEMPLATE + "email: {subject: a, text: b, preheader: c}\n",
        "a preheader without html",
    ),
    "two languages": (
        TEMPLATE + "languages: {en: default, ko: default}\nsms: {text: a}\n",
        "one language is the default",
    ),
    "no default language": (
        TEMPLATE + "languages: {ko: {}}\nsms: {text: a}\n",
        "one language is the default",
    ),
    "no language": (
        TEMPLATE + "languages: {english: default}\nsms: {text: a}\n",
        "is no language",
    ),
    "language twice": (
        TEMPLATE + "languages: {pt: default, PT: {}}\nsms: {text: a}\n",
        "a language is there twice",
    ),
    "file of a translation": (
        TEMPLATE + "languages: {en: default, ko: {email: {text: ko.txt}}}\nsms: {text: a}\n",
        "there is no file ko.txt",
    ),
    "file of a fragment": (
        "kind: fragment\nid: f\ntext: foot.txt\n",
        "there is no file foot.txt",
    ),
    "file that is not there": (
        TEMPLATE + "email: {subject: a, text: greet.txt}\n",
        "there is no file greet.txt",
    ),
    "cap of nothing": ("kind: caps\nid: a\nrules: [{limit: 0, per: 7d}]\n", "a cap of 0"),
    "cap per what": ("kind: caps\nid: a\nrules: [{limit: 1, per: year}]\n", "no window"),
    "cap of transactional": (
        "kind: caps\nid: a\nrules: [{limit: 1, per: day, scope: {purpose: transactional}}]\n",
        "transactional messages obey no caps",
    ),
    "cap of a journey": (
        "kind: caps\nid: a\nrules: [{limit: 1, per: day, scope: {journey: x}}]\n",
        "unknown member journey",
    ),
    "policy without quiet hours": (
        "kind: policy\nid: a\naccepts: {}\n",
        "quiet_hours is missing",
    ),
    "policy of an unknown purpose": (
        "kind: policy\nid: a\naccepts: {marketin: [y]}\nquiet_hours: none\n",
        "unknown purpose marketin",
    ),
    "policy that presumes a yes": (
        "kind: policy\nid: a\naccepts: {}\ndefaults: {marketing: y}\nquiet_hours: none\n",
        "y as default of marketing",
    ),
    "policy that accepts a no": (
        "kind: policy\nid: a\naccepts: {marketing: [n]}\nquiet_hours: none\n",
        "'n' is not possible here",
    ),
    "label": (
        "kind: policy\nid: a\naccepts: {}\nquiet_hours: none\nlabel: {text: ' x'}\n",
        "no label",
    ),
    "opt-out with an unknown name": (
        'kind: policy\nid: a\naccepts: {}\nquiet_hours: none\nmust_contain: {opt_out: {sms: "{}"}}',
        "unknown {}",
    ),
    "brand of two lines": (
        'kind: brand\nid: a\nname: A\ncontact: "a\\nb"\n',
        "not one line",
    ),
    "no country": (
        "kind: policy\nid: a\naccepts: {}\nquiet_hours: none\njurisdiction: EU\n",
        "no country",
    ),
    "country in small letters": (
        "kind: policy\nid: a\naccepts: {}\nquiet_hours: none\njurisdiction: [kr]\n",
        "no country",
    ),
    "confirmation that advertises": (
        "kind: template\nid: a\npurpose: marketing\nconfirms: marketing\nsms: {text: a}\n",
        "a confirmation that advertises",
    ),
    "bad window": (
        'kind: policy\nid: a\naccepts: {}\nquiet_hours: {allowed: {mo: "8-21"}}\n',
        "no span of local time",
    ),
    "bad zone": ("kind: workspace\nid: a\nzone: Mars\n", "no time zone"),
    "fence without shape": ("kind: fence\nid: f\n", "a fence has one shape"),
    "radius": (FENCE.replace("60", "9"), "9 does not fit"),
    "fence emit": (FENCE + "emit: later\n", "'later' is not possible here"),
    "approach in words": (FENCE + "approach_s: 5m\n", "does not fit"),
    "repeat of nothing": (FENCE + "dwell_repeat: 5m\n", "needs a dwell_after"),
    "enters where it leaves": (FENCE + "enter_at: 0.5\nleave_at: 0.5\n", "above leave_at"),
}


@pytest.mark.parametrize(("text", "what"), FAULTS.values(), ids=FAULTS.keys())
def test_faulty_document_is_refused(text: str, what: str) -> None:
    """What is wrong is said with a line and a remedy, and gives no document."""
    loaded = read(text)
    problem = only(loaded)

    assert what in problem.what
    assert problem.line is not None
    assert problem.how
    assert loaded.documents == []


@pytest.mark.parametrize("kind", LATER_KINDS)
def test_later_kind_names_what_to_use_now(kind: str) -> None:
    """Kinds of later issues are refused as such."""
    problem = only(read(f"kind: {kind}\nid: a\n"))

    assert (problem.what, problem.how) == (f"{kind} comes later", LATER_KINDS[kind])


def test_same_id_twice_names_the_first() -> None:
    """Kind and id are unique over all files."""
    problem = only(read(FENCE, FENCE))

    assert (problem.file, problem.what) == ("1.yaml", "the id is taken")
    assert "0.yaml:1" in problem.how


def test_same_id_of_another_kind_is_fine() -> None:
    """Ids are unique per kind."""
    assert read(FENCE, CAMPAIGN.replace("id: c", "id: f")).problems == []


def test_file_beside_is_taken_into_the_body() -> None:
    """A stored template needs no folder."""
    text = TEMPLATE + "email: {subject: a, text: mails/greet.txt, html: ../x.html}\n"
    loaded = read(a__b_yaml=text, a__mails__greet_txt="Hello", x_html="<p>Hello</p>")

    assert loaded.problems == []
    assert loaded.documents[0].body["email"] == {
        "subject": "a",
        "text": "Hello",
        "html": "<p>Hello</p>",
    }


def test_text_that_is_no_file_name_stays_text() -> None:
    """Only a bare path that ends in .txt or .html names a file."""
    loaded = read(TEMPLATE + "email: {subject: a, text: 'See terms.txt for more'}\n")

    assert loaded.documents[0].body["email"]["text"] == "See terms.txt for more"


def test_unknown_file_is_a_problem() -> None:
    """Nothing is skipped silently."""
    assert only(load([SourceFile("notes.md", "hello")])).what == "not a file of documents"


def square(**changes: Any) -> dict[str, Any]:
    """Give a feature of a small square."""
    ring = [[7.4, 43.7], [7.41, 43.7], [7.41, 43.71], [7.4, 43.71], [7.4, 43.7]]
    return {
        "type": "Feature",
        "id": "sq",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"tags": ["studio"], "place": {"name": "S"}, "dwell_after": "5m"},
        **changes,
    }


def test_fence_from_yaml_and_geojson_is_the_same_document() -> None:
    """One fence, two ways of writing, the same canonical bytes."""
    feature = square()
    geojson = json.dumps({"type": "FeatureCollection", "features": [feature]})
    as_yaml = {"kind": "fence", "id": "sq", "geometry": feature["geometry"]}

    one = load([SourceFile("a.geojson", geojson)])
    other = read(json.dumps({**as_yaml, **feature["properties"]}))

    assert one.problems == other.problems == []
    assert one.documents[0].canonical == other.documents[0].canonical


def test_corridor_from_yaml_and_geojson_is_the_same_document() -> None:
    """A line and its width, two ways of writing."""
    line = {"type": "LineString", "coordinates": [[7.4, 43.7], [7.41, 43.7]]}
    feature = square(geometry=line, properties={"width_m": 40})

    one = load([SourceFile("a.geojson", json.dumps(feature))])
    other = read("kind: fence\nid: sq\nwidth_m: 40\ngeometry: " + json.dumps(line))

    assert one.problems == other.problems == []
    assert one.documents[0].canonical == other.documents[0].canonical


def test_geojson_fault_names_feature_and_path() -> None:
    """In GeoJSON the place is feature index, id and path."""
    bow_tie = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    bad = square(id="bow", geometry={"type": "Polygon", "coordinates": [bow_tie]})
    features = json.dumps({"type": "FeatureCollection", "features": [square(), bad]})

    problem = only(load([SourceFile("a.geojson", features)]))

    assert (problem.feature, problem.where.startswith("fence bow, ")) == (1, True)
    assert "self-intersection" in problem.what


@pytest.mark.bad_input(62)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "1e308"])
def test_odd_numbers_in_geojson_are_refused(number: str) -> None:
    """Not a number, infinite and far away never reach the index."""
    text = json.dumps(square()).replace("43.71", number)

    assert load([SourceFile("a.geojson", text)]).problems


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ('{"name": "\\ud800"}', 1),
        ('{"meta": {"\\udfff": 1}}', 1),
        ('{"name": "\\ud83d\\ude00"}', 0),
    ],
    ids=["value", "key", "pair"],
)
def test_half_a_character_in_geojson_is_refused(place: str, count: int) -> None:
    """An escaped surrogate on its own cannot be stored; a pair is a character."""
    text = json.dumps(square()).replace('{"name": "S"}', place)

    assert len(load([SourceFile("a.geojson", text)]).problems) == count


@pytest.mark.bad_input(63)
@pytest.mark.parametrize("radius", ["0", "-1", "9", "1e9", "'60'", "true"])
def test_odd_radius_is_refused(radius: str) -> None:
    """A circle has 10 to 100,000 metres."""
    assert "radius" in only(read(FENCE.replace("60", radius))).where


@pytest.mark.bad_input(65)
def test_deep_geometry_collection_is_refused() -> None:
    """A thousand collections inside each other are a problem, not a crash."""
    text = '{"type":"GeometryCollection","geometries":[' * 1_000 + "]}" * 1_000
    feature = '{"type":"Feature","id":"a","properties":{},"geometry":' + text + "}"

    assert load([SourceFile("a.geojson", feature)]).problems
    assert load([SourceFile("a.json", "[" * 100_000)]).problems
    assert load([SourceFile("a.geojson", "[" * 100_000)]).problems


def test_foreign_geojson_is_read_as_it_comes() -> None:
    """For a replay ids are made where they lack and foreign members are passed over."""
    text = real_data("leipzig/districts.geojson").read_text("utf-8")

    loaded = load([SourceFile("districts.geojson", text)], is_foreign=True)

    assert loaded.problems == []
    assert len({document.id for document in loaded.documents}) == 63


def test_same_files_again_have_the_same_bytes() -> None:
    """Applying a folder twice changes nothing."""
    first, again = (read(CAMPAIGN, FENCE) for _ in range(2))

    assert [d.sha256 for d in first.documents] == [d.sha256 for d in again.documents]


def test_order_and_comments_do_not_change_the_bytes() -> None:
    """The canonical form knows neither order of members nor remarks."""
    shuffled = "# remark\nid: c\nmessage: {channels: [sms], template: t}\n"
    shuffled += "kind: campaign\nentry:\n  event: cart\n"

    assert read(CAMPAIGN).documents[0].canonical == read(shuffled).documents[0].canonical


@settings(max_examples=60)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5)),
        lambda below: st.one_of(
            st.lists(below, max_size=3),
            st.dictionaries(
                st.sampled_from(["kind", "id", "entry", "message", "when", "rules", "email"]),
                below,
                max_size=4,
            ),
        ),
        max_leaves=15,
    ),
    st.sampled_from(["campaign", "template", "caps", "policy", "fence", "workspace", "library"]),
)
def test_odd_bodies_give_problems_never_a_crash(body: Any, kind: str) -> None:
    """Whatever stands in a file, the answer is documents or problems."""
    wrapped = {**body, "kind": kind} if isinstance(body, dict) else {"kind": kind, "id": body}

    loaded = read(json.dumps(wrapped))

    assert loaded.documents or loaded.problems


def test_shape_that_does_not_fit_names_the_members_it_has() -> None:
    """Whoever writes a text where members belong is told which, in no word of the program's."""
    text = "kind: policy\nid: eu\naccepts: {'*': [y]}\nquiet_hours: 21:00-08:00\n"
    (problem,) = read(text).problems

    assert "QuietHours" not in str(problem)
    assert "write members: purposes, channels, allowed" in str(problem)


def test_event_document_may_not_be_called_as_apps_call_the_event() -> None:
    """An id with an underscore is refused, and the remedy names the member for it."""
    (problem,) = read("kind: event\nid: product_viewed\n").problems

    assert str(problem).endswith(
        "use 1 to 64 of a-z, 0-9 and -; what apps call it stands in event:"
    )
