"""
Rule scenarios: facts and trees in, answers with their operands out, for other implementations.

Each tree has its answer beside it in short, written by hand: the verdict, then each operand that
was looked at (``+`` when it held, ``-`` when not, the value as JSON, the note), or ``refused`` and
the places of the faults. The golden vectors in ``sdk/wire/vectors/rules`` hold the same in full.
``make vectors`` writes them anew; a test refuses where a hand-written answer is not what happens.
"""

import json
from pathlib import Path
from typing import Any

from gateway.decide.rule_play import NOW_MS, Given, RuleScenario, play

FOLDER = Path(__file__).resolve().parents[3] / "sdk" / "wire" / "vectors" / "rules"
DAY_MS = 86_400_000


def _deep(levels: int) -> Any:
    return True if levels <= 1 else {"not": _deep(levels - 1)}


def _nots(levels: int, tree: Any) -> Any:
    return tree if levels == 0 else {"not": _nots(levels - 1, tree)}


def _path(*words: str, times: int = 1) -> str:
    return ".".join(words * times)


def _ago(name: str, days: float, **props: Any) -> dict[str, Any]:
    return {"name": name, "at_ms": NOW_MS - round(days * DAY_MS), "props": props}


def _message(
    message_id: str, campaign_id: str, template_id: str, tags: list[str], **days_ago: float
) -> dict[str, Any]:
    first_ms = {what: NOW_MS - round(days * DAY_MS) for what, days in days_ago.items()}
    return {
        "message_id": message_id,
        "campaign_id": campaign_id,
        "template_id": template_id,
        "tags": tags,
        "first_ms": first_ms,
    }


def _said(purpose: str, value: str, **where: str) -> dict[str, Any]:
    return {"purpose": purpose, "value": value, "at_ms": 0, **where}


def _person(**attributes: Any) -> Given:
    return {"person": {"attributes": attributes}}


def _x(comparison: str, literal: Any, form: str = "person") -> dict[str, Any]:
    return {form: "x", comparison: literal}


PORT = {
    "fence_id": "port",
    "name": "Fence at the port",
    "tags": ["studio", "indoor"],
    "library": "studios",
    "place_name": "Studio Port",
    "meta": {"gym": True, "zone": "Asia/Seoul"},
}
GATE = {"fence_id": "gate", "name": "Gate", "tags": ["airport"]}
BOUGHT = [
    _ago("purchase", 40, category="yoga", value=20),
    _ago("purchase", 10, category="yoga", value=35),
    _ago("purchase", 3, category="spin", value=80),
    _ago("login", 1),
]
YOGA_ONCE = {"did": "purchase", "where": {"category": "yoga"}}
LAST_YOGA = {"last": "purchase", "where": {"category": "yoga"}}
FIRST_YOGA = {"first": "purchase", "where": {"category": "yoga"}}
ONE_CART = {"did": "cart", "where": {"value": 1}, "count": {"max": 1}}
LAPSED = {"all": [YOGA_ONCE, {**LAST_YOGA, "older_than": "60d"}]}

SCENARIOS = [
    RuleScenario(
        "branches",
        "Branches are read from left to right and stop when the answer is known.",
        [
            (True, "true +true"),
            (False, "false -false"),
            ({"not": False}, "true -false"),
            ({"all": [_x("is", 1), _x("is", 2), _x("is", 3)]}, "false +1 -1"),
            ({"any": [_x("is", 3), _x("is", 1), _x("is", 2)]}, "true -1 +1"),
            ({"any": [{"all": [True, False, True]}, {"not": False}]}, "true +true -false -false"),
            ({"all": [{"any": [False, True, False]}, True]}, "true -false +true +true"),
            ({"not": {"all": [False, True]}}, "true -false"),
        ],
        _person(x=1),
    ),
    RuleScenario(
        "equality",
        "Equality knows text, numbers, and true and false; a whole number equals its fraction.",
        [
            (_x("is", 30), "true +30"),
            (_x("is", 30.0), "true +30"),
            (_x("is", 31), "false -30"),
            (_x("is_not", 31), "true +30"),
            (_x("is_not", 30), "false -30"),
            (_x("in", [1, 30]), "true +30"),
            (_x("in", [1, 2]), "false -30"),
            (_x("not_in", [1, 2]), "true +30"),
            (_x("not_in", [1, 30]), "false -30"),
            ({"person": "vip", "is": True}, "true +true"),
            ({"person": "tier", "in": ["plus", "gold"]}, 'true +"plus"'),
        ],
        _person(x=30, vip=True, tier="plus"),
    ),
    RuleScenario(
        "order",
        "Numbers are ordered; both ends of between belong to it.",
        [
            (_x("gt", 9.5), "true +10"),
            (_x("gt", 10), "false -10"),
            (_x("gte", 10), "true +10"),
            (_x("gte", 10.5), "false -10"),
            (_x("lt", 11), "true +10"),
            (_x("lt", 10), "false -10"),
            (_x("lte", 10), "true +10"),
            (_x("lte", 9), "false -10"),
            (_x("between", [10, 12]), "true +10"),
            (_x("between", [8, 10]), "true +10"),
            (_x("between", [11, 12]), "false -10"),
        ],
        _person(x=10),
    ),
    RuleScenario(
        "text",
        "Text compares exactly; like knows only the star, and is held at both ends.",
        [
            (_x("is", "Port"), 'false -"port north"'),
            (_x("contains", "t n"), 'true +"port north"'),
            (_x("contains", "T"), 'false -"port north"'),
            (_x("starts_with", "port"), 'true +"port north"'),
            (_x("starts_with", "p*"), 'false -"port north"'),
            (_x("like", "port*"), 'true +"port north"'),
            (_x("like", "*o*o*"), 'true +"port north"'),
            (_x("like", "ort*"), 'false -"port north"'),
            (_x("like", "port nort*th"), 'false -"port north"'),
            (_x("like", "p?rt*"), 'false -"port north"'),
            (_x("like", "[a-z]*"), 'false -"port north"'),
            ({"person": "tags", "contains": "b"}, 'true +["a", "b"]'),
            ({"person": "tags", "contains": "c"}, 'false -["a", "b"]'),
            ({"person": "tags", "contains": 1}, 'false -["a", "b"]'),
        ],
        _person(x="port north", tags=["a", "b"]),
    ),
    RuleScenario(
        "fold",
        "With fold text compares without case and width: NFKC, case folding, NFKC.",
        [
            (
                _x(
                    "is",
                    "SEOUL",
                ),
                'false -"\uff33eoul"',
            ),
            ({**_x("is", "SEOUL"), "fold": True}, 'true +"\uff33eoul"'),
            ({**_x("is_not", "seoul"), "fold": True}, 'false -"\uff33eoul"'),
            ({**_x("in", ["seoul", "busan"]), "fold": True}, 'true +"\uff33eoul"'),
            ({**_x("not_in", ["busan"]), "fold": True}, 'true +"\uff33eoul"'),
            ({**_x("contains", "EOU"), "fold": True}, 'true +"\uff33eoul"'),
            ({**_x("starts_with", "SE"), "fold": True}, 'true +"\uff33eoul"'),
            ({**_x("like", "S*L"), "fold": True}, 'true +"\uff33eoul"'),
            ({"person": "road", "is": "STRASSE", "fold": True}, 'true +"Stra\u00dfe"'),
            ({**_x("gt", 1), "fold": True}, "refused fold"),
            ({**_x("is", 1), "fold": True}, "refused is"),
            ({**_x("is", "a"), "fold": "yes"}, "refused fold"),
        ],
        _person(x="\uff33eoul", road="Stra\u00dfe"),
    ),
    RuleScenario(
        "missing",
        "A missing value, null among them, makes a comparison false, but for is_not and exists.",
        [
            (_x("is", "a"), "false -null missing"),
            (_x("is_not", "a"), "true +null missing"),
            (_x("in", ["a"]), "false -null missing"),
            (_x("not_in", ["a"]), "false -null missing"),
            (_x("lt", 1), "false -null missing"),
            (_x("contains", "a"), "false -null missing"),
            (_x("before", "2026-06-01"), "false -null missing"),
            (_x("exists", literal=True), "false -null missing"),
            (_x("exists", literal=False), "true +null missing"),
            ({"person": "null", "exists": False}, "true +null missing"),
            ({"person": "empty", "exists": True}, 'true +""'),
            ({"person": "empty", "exists": False}, 'false -""'),
            ({"person": "empty.deeper", "exists": False}, "true +null missing"),
            ({"event": "x", "is": 1}, "false -null missing"),
            ({"place": "meta.gym", "is": True}, "false -null missing"),
            ({"not": _x("is", "a")}, "true -null missing"),
        ],
        {"person": {"attributes": {"null": None, "empty": ""}}},
    ),
    RuleScenario(
        "types",
        "Nothing is coerced: another type is false, for is_not and not_in as well.",
        [
            (_x("is", "30"), "false -30 type"),
            (_x("is_not", "30"), "false -30 type"),
            (_x("not_in", ["30"]), "false -30 type"),
            (_x("is", literal=True), "false -30 type"),
            (_x("contains", "3"), "false -30 type"),
            (_x("like", "*"), "false -30 type"),
            (_x("before", "2026-06-01"), "false -30 type"),
            ({"person": "one", "is": True}, "false -1 type"),
            ({"person": "yes", "is": 1}, "false -true type"),
            ({"person": "yes", "gt": 0}, "false -true type"),
            ({"person": "text", "gt": 3}, 'false -"a" type'),
            ({"person": "text", "within": "1d"}, 'false -"a" type'),
            ({"person": "list", "is": "a"}, 'false -["a"] type'),
            ({"person": "deep", "is": "a"}, 'false -{"a": 1} type'),
        ],
        _person(x=30, one=1, yes=True, text="a", list=["a"], deep={"a": 1}),
    ),
    RuleScenario(
        "moments",
        "Moments without offset are in the workspace's zone; within looks back, never ahead.",
        [
            (_x("before", "2026-06-01T08:00:00Z"), 'true +"2026-06-01T07:00:00Z"'),
            (_x("before", "2026-06-01T09:00:00"), 'false -"2026-06-01T07:00:00Z"'),
            (_x("after", "2026-06-01T09:00:00"), 'false -"2026-06-01T07:00:00Z"'),
            (_x("after", "2026-06-01"), 'true +"2026-06-01T07:00:00Z"'),
            (_x("within", "1h"), 'true +"2026-06-01T07:00:00Z"'),
            (_x("within", "59m"), 'false -"2026-06-01T07:00:00Z"'),
            ({"person": "local", "before": "2026-06-01T08:00:01Z"}, 'true +"2026-06-01T10:00:00"'),
            ({"person": "ahead", "within": "7d"}, 'false -"2026-06-02"'),
        ],
        _person(x="2026-06-01T07:00:00Z", local="2026-06-01T10:00:00", ahead="2026-06-02"),
    ),
    RuleScenario(
        "moments_without_zone",
        "Where the workspace's zone is unknown, a moment that needs it is false.",
        [
            (_x("before", "2026-06-01"), 'false -"2026-05-01T07:00:00Z" zone'),
            (_x("before", "2026-06-01T00:00:00Z"), 'true +"2026-05-01T07:00:00Z"'),
            ({"person": "local", "within": "1d"}, 'false -"2026-06-01T09:00:00" zone'),
            ({"did": "login", "since": "2026-06-01"}, "false -null zone"),
        ],
        {**_person(x="2026-05-01T07:00:00Z", local="2026-06-01T09:00:00"), "workspace_zone": ""},
    ),
    RuleScenario(
        "values",
        "Values come from the person, the event that woke us, and the place; dots go deeper.",
        [
            ({"person": "city.name", "is": "Nice"}, 'true +"Nice"'),
            ({"person": "user_id", "is": "u1"}, 'true +"u1"'),
            ({"person": "locale", "starts_with": "fr"}, 'true +"fr-FR"'),
            ({"person": "zone", "is": "Asia/Seoul"}, 'true +"Asia/Seoul"'),
            ({"event": "cart.total", "gt": 50}, "true +60"),
            ({"place": "meta.gym", "is": True}, "true +true"),
            ({"place": "name", "is": "Studio Port"}, 'true +"Studio Port"'),
            ({"place": "id", "is": "port"}, 'true +"port"'),
            ({"place": "library", "is": "studios"}, 'true +"studios"'),
            ({"place": "tags", "contains": "studio"}, 'true +["indoor", "studio"]'),
            ({"place": "gym", "is": True}, "refused place"),
        ],
        {
            "person": {
                "user_id": "u1",
                "locale": "fr-FR",
                "zone": "Europe/Paris",
                "attributes": {"city": {"name": "Nice"}, "zone": "Asia/Seoul"},
            },
            "event": {"cart": {"total": 60}},
            "place": "port",
            "fences": [PORT],
        },
    ),
    RuleScenario(
        "history",
        "What the person did is counted in a span and bounds; last and first have ages.",
        [
            ({"did": "purchase"}, "true +3"),
            ({"did": "refund"}, "false -0"),
            ({"did": "refund", "count": {"max": 0}}, "true +0"),
            ({"did": "purchase", "within": "7d"}, "true +1"),
            ({"did": "purchase", "within": "2d"}, "false -0"),
            ({"did": "purchase", "since": "2026-05-20"}, "true +2"),
            ({"did": "purchase", "count": {"min": 2, "max": 2}}, "false -3"),
            ({"did": "purchase", "within": "30d", "count": {"min": 2, "max": 2}}, "true +2"),
            ({"last": "purchase", "older_than": "2d"}, 'true +"259200s ago"'),
            ({"last": "purchase", "older_than": "3d"}, 'false -"259200s ago"'),
            ({"last": "purchase", "within": "3d"}, 'true +"259200s ago"'),
            ({"first": "purchase", "older_than": "39d"}, 'true +"3456000s ago"'),
            ({"first": "purchase", "within": "39d"}, 'false -"3456000s ago"'),
            ({"last": "refund", "older_than": "1d"}, "false -null missing"),
            ({"not": {"last": "refund", "within": "1d"}}, "true -null missing"),
        ],
        {"person": {"history": BOUGHT}},
    ),
    RuleScenario(
        "where",
        "A where is equalities over the properties, or a rule over event:, of each past event.",
        [
            ({"did": "purchase", "where": {"category": "yoga"}}, "true +2"),
            ({"did": "purchase", "where": {"category": "yoga", "value": 35}}, "true +1"),
            ({"did": "purchase", "where": {"category": "yoga"}, "within": "7d"}, "false -0"),
            ({"did": "purchase", "where": {"event": "value", "gte": 35}}, "true +2"),
            (
                {
                    "did": "purchase",
                    "where": {
                        "any": [{"event": "value", "lt": 30}, {"event": "category", "is": "spin"}]
                    },
                },
                "true +2",
            ),
            ({"did": "purchase", "where": {"not": {"event": "category", "is": "spin"}}}, "true +2"),
            ({"did": "login", "where": {"category": "yoga"}}, "false -0"),
            ({"did": "purchase", "where": {"value": "35"}}, "false -0"),
            ({"did": "purchase", "where": {"person": "tier", "is": "plus"}}, "false -0"),
            (
                {"did": "purchase", "where": {"not": {"person": "tier", "is": "x"}}},
                "refused where.not.person",
            ),
            ({"did": "purchase", "where": {"category": ["yoga"]}}, "refused where.category"),
            ({"did": "purchase", "where": {}}, "refused where"),
        ],
        {"person": {"history": BOUGHT}},
    ),
    RuleScenario(
        "sum",
        "A sum adds the numbers of a property; what is no number adds nothing.",
        [
            ({"did": "purchase", "sum": {"of": "value", "min": 135}}, "true +135"),
            ({"did": "purchase", "sum": {"of": "value", "min": 135.5}}, "false -135"),
            ({"did": "purchase", "sum": {"of": "value", "max": 135}}, "true +135"),
            ({"did": "purchase", "sum": {"of": "value", "min": 1, "max": 134}}, "false -135"),
            ({"did": "purchase", "within": "30d", "sum": {"of": "value", "min": 115}}, "true +115"),
            (
                {
                    "did": "purchase",
                    "where": {"category": "yoga"},
                    "sum": {"of": "value", "min": 55},
                },
                "true +55",
            ),
            ({"did": "purchase", "sum": {"of": "category", "min": 1}}, "false -0"),
            ({"did": "refund", "sum": {"of": "value", "max": 0}}, "true +0"),
            ({"did": "odd", "sum": {"of": "a.b", "min": 0.5}}, "true +0.5"),
            ({"did": "a", "count": {"min": 1}, "sum": {"of": "b", "min": 1}}, "refused /"),
            ({"did": "a", "sum": {"of": "b"}}, "refused sum"),
            ({"did": "a", "sum": {"min": 1}}, "refused sum"),
            ({"did": "a", "sum": {"of": "b", "min": "1"}}, "refused sum"),
            ({"did": "a", "sum": {"of": "b", "min": 2, "max": 1}}, "refused sum"),
        ],
        {
            "person": {
                "history": [
                    *BOUGHT,
                    _ago("odd", 1, a={"b": -1.5}),
                    _ago("odd", 1, a={"b": 2}),
                    _ago("odd", 1, a={"b": True}),
                    _ago("odd", 1, a=7),
                    _ago("odd", 1, a={"b": 1e308}),
                    _ago("odd", 1, a={"b": 1e308}),
                ]
            }
        },
    ),
    RuleScenario(
        "ages_where",
        "The age of the last or first event that fits a where; where none does, it is missing.",
        [
            ({**LAST_YOGA, "older_than": "9d"}, 'true +"864000s ago"'),
            ({**LAST_YOGA, "within": "9d"}, 'false -"864000s ago"'),
            ({**LAST_YOGA, "within": "10d"}, 'true +"864000s ago"'),
            ({**FIRST_YOGA, "within": "40d"}, 'true +"3456000s ago"'),
            ({**FIRST_YOGA, "older_than": "40d"}, 'false -"3456000s ago"'),
            (
                {"first": "purchase", "where": {"event": "value", "gt": 20}, "within": "10d"},
                'true +"864000s ago"',
            ),
            (
                {"last": "purchase", "where": {"category": "judo"}, "within": "9d"},
                "false -null missing",
            ),
            ({**LAST_YOGA, "last": "refund", "within": "9d"}, "false -null missing"),
            ({"last": "purchase", "where": {"category": "yoga"}}, "refused /"),
            (
                {"last": "purchase", "where": {"not": {"did": "login"}}, "within": "9d"},
                "refused where.not.did",
            ),
        ],
        {"person": {"history": BOUGHT}},
    ),
    RuleScenario(
        "ages_where_history_is_bounded",
        "The newest kept event that fits is the last; the oldest kept one may not be the first.",
        [
            ({**LAST_YOGA, "within": "5d"}, 'true +"172800s ago"'),
            ({**LAST_YOGA, "older_than": "5d"}, 'false -"172800s ago"'),
            ({**FIRST_YOGA, "older_than": "1d"}, 'true +"172800s ago"'),
            ({**FIRST_YOGA, "within": "5d"}, 'false -"172800s ago" history'),
            (
                {"last": "purchase", "where": {"category": "spin"}, "older_than": "5d"},
                "false -null history",
            ),
            ({"first": "purchase", "within": "20d"}, 'true +"1728000s ago"'),
        ],
        {
            "person": {
                "history": [
                    _ago("purchase", 20, category="spin"),
                    _ago("purchase", 2, category="yoga"),
                    {**_ago("screen", 1), "times": 99},
                ]
            }
        },
    ),
    RuleScenario(
        "history_is_bounded",
        "Only the newest hundred events keep their properties; a count that may be short says so.",
        [
            ({"did": "purchase"}, "true +1"),
            ({"did": "purchase", "within": "30d"}, "true +1"),
            ({"did": "purchase", "where": {"category": "yoga"}}, "false -0 history"),
            (
                {"did": "purchase", "where": {"category": "yoga"}, "count": {"max": 0}},
                "false -0 history",
            ),
            ({"did": "screen", "count": {"min": 100}}, "true +100"),
            ({"did": "purchase", "sum": {"of": "value", "min": 0}}, "false -0 history"),
            ({"did": "purchase", "within": "9d", "sum": {"of": "value", "max": 0}}, "true +0"),
            (
                {"did": "purchase", "within": "30d", "sum": {"of": "value", "max": 0}},
                "false -0 history",
            ),
            ({"did": "screen", "sum": {"of": "value", "max": 0}}, "true +0"),
        ],
        {
            "person": {
                "history": [
                    _ago("purchase", 20, category="yoga"),
                    {**_ago("screen", 1), "times": 100},
                ]
            }
        },
    ),
    RuleScenario(
        "history_before_the_span",
        "What fell out of history before the span began leaves a count exact.",
        [
            ({**ONE_CART, "within": "5d"}, "true +1"),
            ({**ONE_CART, "within": "9d"}, "false -1 history"),
            ({"did": "cart", "within": "5d", "sum": {"of": "value", "max": 1}}, "true +1"),
            ({"did": "cart", "within": "9d", "sum": {"of": "value", "max": 1}}, "false -1 history"),
            ({"did": "cart", "within": "5d", "count": {"max": 1}}, "true +1"),
            ({"did": "cart", "within": "9d", "count": {"max": 1}}, "false -2"),
        ],
        {
            "person": {
                "history": [
                    _ago("cart", 8, value=1),
                    {**_ago("screen", 1), "times": 99},
                    _ago("cart", 0.5, value=1),
                ]
            }
        },
    ),
    RuleScenario(
        "inside",
        "Inside asks where the person is now; a selector's members are AND-ed.",
        [
            ({"inside": {"id": "port"}}, 'true +"for 600s"'),
            ({"inside": {"tag": "studio", "library": "studios"}}, 'true +"for 600s"'),
            ({"inside": {"tag": "studio", "library": "gates"}}, 'false -"outside"'),
            ({"inside": {"id": "gate"}}, 'false -"outside"'),
            ({"inside": {"id": "gone"}}, 'false -"outside"'),
            ({"inside": {"tag": "studio"}, "for": "10m"}, 'true +"for 600s"'),
            ({"inside": {"tag": "studio"}, "for": "601s"}, 'false -"for 600s"'),
        ],
        {
            "person": {
                "inside": [
                    {"fence_id": "port", "since_ms": NOW_MS - 600_000},
                    {"fence_id": "gone", "since_ms": NOW_MS - 900_000},
                ]
            },
            "fences": [PORT, GATE],
        },
    ),
    RuleScenario(
        "transition",
        "Transition asks what woke us: its kind, its fence, and how it came about.",
        [
            ({"transition": "enter"}, 'true +"enter of port, flagged"'),
            ({"transition": "exit"}, 'false -"enter of port, flagged"'),
            ({"transition": "enter", "fence": {"tag": "studio"}}, 'true +"enter of port, flagged"'),
            ({"transition": "enter", "fence": {"id": "gate"}}, 'false -"enter of port, flagged"'),
            ({"transition": "enter", "initial": True}, 'true +"enter of port, flagged"'),
            ({"transition": "enter", "initial": False}, 'false -"enter of port, flagged"'),
            ({"transition": "enter", "opened": False}, 'true +"enter of port, flagged"'),
            ({"transition": "enter", "clean": True}, 'false -"enter of port, flagged"'),
            ({"transition": "visit"}, "refused transition"),
            ({"transition": "enter", "initial": "no"}, "refused initial"),
        ],
        {
            "transition": {"kind": "enter", "fence_id": "port", "initial": True, "clean": False},
            "fences": [PORT, GATE],
        },
    ),
    RuleScenario(
        "no_transition",
        "Where no transition woke us, its rule is false and says missing.",
        [
            ({"transition": "enter"}, "false -null missing"),
            ({"not": {"transition": "enter"}}, "true -null missing"),
        ],
    ),
    RuleScenario(
        "time",
        "Time is a wall clock; the end is exclusive, and a zone nobody knows is false.",
        [
            (
                {"time": {"from": "10:00", "to": "10:01", "days": ["mo"]}},
                'true +"mo 10:00 Europe/Monaco"',
            ),
            ({"time": {"from": "09:00", "to": "10:00"}}, 'false -"mo 10:00 Europe/Monaco"'),
            ({"time": {"days": ["tu", "su"]}}, 'false -"mo 10:00 Europe/Monaco"'),
            ({"time": {"from": "17:00"}, "zone": "Asia/Seoul"}, 'true +"mo 17:00 Asia/Seoul"'),
            ({"time": {"from": "17:00"}, "zone": "place"}, 'true +"mo 17:00 Asia/Seoul"'),
            ({"time": {"to": "10:00"}, "zone": "workspace"}, "false -null zone"),
            (
                {"time": {"from": "22:00", "to": "10:01", "days": ["su"]}},
                'true +"mo 10:00 Europe/Monaco"',
            ),
            (
                {"time": {"from": "22:00", "to": "10:01", "days": ["mo"]}},
                'false -"mo 10:00 Europe/Monaco"',
            ),
            ({"time": {"days": ["mo"]}, "zone": "Mars"}, "refused zone"),
            ({"time": {"from": "7:30"}}, "refused time.from"),
            ({"time": {"from": "07:00", "to": "07:00"}}, "refused time"),
        ],
        {
            "person": {"zone": "Europe/Monaco"},
            "place": "port",
            "fences": [PORT],
            "workspace_zone": "",
        },
    ),
    RuleScenario(
        "refused",
        "What is wrong with a tree is said at once, each fault at its place.",
        [
            (3, "refused /"),
            (None, "refused /"),
            ([], "refused /"),
            ({}, "refused /"),
            ({"persn": "x", "is": 1}, "refused /"),
            ({"person": "x", "event": "x", "is": 1}, "refused /"),
            ({"person": "x"}, "refused /"),
            ({"person": "x", "gt": 1, "lt": 3}, "refused /"),
            ({"person": "x..y", "is": 1}, "refused person"),
            ({"person": ["x"], "is": 1}, "refused person"),
            (_x("is", None), "refused is"),
            (_x("is", [1]), "refused is"),
            (_x("in", []), "refused in"),
            (_x("in", [1, "a"]), "refused in"),
            (_x("gt", "a"), "refused gt"),
            (_x("gt", literal=True), "refused gt"),
            (_x("between", [2, 1]), "refused between"),
            (_x("like", ""), "refused like"),
            (_x("exists", "yes"), "refused exists"),
            (_x("before", "soon"), "refused before"),
            (_x("within", "3w"), "refused within"),
            ({"all": []}, "refused all"),
            ({"any": {"person": "x", "is": 1}}, "refused any"),
            ({"not": [True]}, "refused not"),
            ({"inside": {}}, "refused inside"),
            ({"inside": {"tags": "x", "id": 1}}, "refused inside.tags, inside.id"),
            ({"last": "a"}, "refused /"),
            ({"did": "a", "count": {"min": 2, "max": 1}}, "refused count"),
            ({"did": "a", "count": {"min": -1}}, "refused count"),
            (
                {"all": [{"person": "x", "iss": 1}, {"not": {"event": "x", "gt": "a"}}]},
                "refused all.0.iss, all.1.not.gt",
            ),
        ],
    ),
    RuleScenario(
        "visited",
        "Three trips in a month make a traveller: visits count from their ENTER, ended or not.",
        [
            ({"visited": {"tag": "airport"}}, "true +3"),
            ({"visited": {"tag": "airport"}, "within": "30d"}, "true +2"),
            ({"visited": {"tag": "airport"}, "within": "30d", "count": {"min": 3}}, "false -2"),
            ({"visited": {"tag": "airport"}, "within": "20d", "count": {"max": 2}}, "true +2"),
            ({"visited": {"tag": "airport"}, "since": "2026-05-30"}, "true +1"),
            ({"visited": {"id": "port"}}, "false -0"),
            ({"visited": {"id": "gone"}}, "false -0"),
            ({"visited": {"tag": "airport"}, "since": "2026-05-30", "within": "1d"}, "refused /"),
            ({"visited": {}}, "refused visited"),
            ({"visited": {"id": "gate"}, "count": {"min": "3"}}, "refused count"),
        ],
        {
            "person": {
                "visits": [
                    {"fence_id": "gate", "entered_ms": NOW_MS - 40 * DAY_MS},
                    {"fence_id": "gone", "entered_ms": NOW_MS - 30 * DAY_MS},
                    {"fence_id": "gate", "entered_ms": NOW_MS - 20 * DAY_MS},
                    {"fence_id": "gate", "entered_ms": NOW_MS - DAY_MS},
                ]
            },
            "fences": [PORT, GATE],
        },
    ),
    RuleScenario(
        "visits_are_bounded",
        "Only the newest hundred visits are kept; a count that may be short says so.",
        [
            ({"visited": {"id": "gate"}}, "true +99"),
            ({"visited": {"id": "port"}, "within": "9d"}, "true +1"),
            ({"visited": {"id": "port"}, "within": "9d", "count": {"max": 1}}, "true +1"),
            ({"visited": {"id": "port"}, "count": {"max": 1}}, "false -1 history"),
            ({"visited": {"id": "port"}, "within": "11d", "count": {"min": 2}}, "false -1 history"),
            ({"visited": {"id": "gate"}, "count": {"max": 98}}, "false -99"),
        ],
        {
            "person": {
                "visits": [
                    {"fence_id": "port", "entered_ms": NOW_MS - 10 * DAY_MS},
                    {"fence_id": "gate", "entered_ms": NOW_MS - 2 * DAY_MS, "times": 99},
                    {"fence_id": "port", "entered_ms": NOW_MS - DAY_MS},
                ]
            },
            "fences": [PORT, GATE],
        },
    ),
    RuleScenario(
        "got",
        "Whoever got the greeting this week gets no second; whoever clicked it hears more.",
        [
            ({"got": "greet"}, "true +2"),
            ({"got": "greeting"}, "true +1"),
            ({"got": "yoga"}, "true +2"),
            ({"got": "greet", "outcome": "sent", "within": "7d"}, "true +1"),
            ({"not": {"got": "greet", "within": "7d"}}, "false +1"),
            ({"got": "greet", "outcome": "clicked"}, "true +1"),
            ({"got": "greet", "outcome": "clicked", "within": "1d"}, "false -0"),
            ({"got": "greet", "outcome": "clicked", "since": "2026-05-30"}, "true +1"),
            ({"got": "greet", "outcome": "dismissed", "count": {"max": 0}}, "true +0"),
            ({"got": "offer", "outcome": "withheld"}, "true +1"),
            ({"got": "offer", "outcome": "displayed", "count": {"max": 0}}, "false -0 history"),
            ({"got": "offer"}, "false -0"),
            ({"got": "m-1"}, "false -0"),
            ({"got": "greet", "outcome": "click"}, "refused outcome"),
            ({"got": ""}, "refused got"),
            ({"got": {"template": "greet"}}, "refused got"),
        ],
        {
            "person": {
                "messages": [
                    _message("m-1", "greeting", "greet", ["yoga"], sent=20),
                    _message("m-2", "hello", "greet", ["yoga"], sent=2, clicked=1.5),
                    _message("m-3", "offers", "offer", [], withheld=1),
                    {"message_id": "", "delivery_id": "d-9", "first_ms": {"displayed": NOW_MS}},
                ]
            }
        },
    ),
    RuleScenario(
        "messages_are_bounded",
        "Only the fifty messages heard of last are kept.",
        [
            ({"got": "greet"}, "false -0 history"),
            ({"got": "greet", "within": "9d"}, "false -0"),
            ({"got": "greet", "within": "9d", "count": {"max": 0}}, "true +0"),
            ({"got": "offer", "count": {"min": 50}}, "true +50"),
        ],
        {
            "person": {
                "messages": [
                    _message("m-0", "greeting", "greet", [], sent=10),
                    *(_message(f"n-{n}", "offers", "offer", [], sent=1) for n in range(50)),
                ]
            }
        },
    ),
    RuleScenario(
        "consent",
        "Consent asks the policy in force, of the address that fares best on the channel.",
        [
            ({"consent": "marketing"}, 'true +"y"'),
            ({"consent": "marketing", "channel": "email"}, 'true +"y"'),
            ({"consent": "marketing", "channel": "sms"}, 'false -"n"'),
            ({"consent": "marketing", "channel": "web_push"}, 'true +"y"'),
            ({"consent": "marketing_night"}, 'false -"u"'),
            ({"consent": "transactional", "channel": "sms"}, 'true +"CT"'),
            ({"consent": "location_marketing"}, 'false -"location_collect u"'),
            ({"consent": "profiling"}, 'true +"y"'),
            ({"consent": "adverts"}, "refused consent"),
            ({"consent": "marketing", "channel": "fax"}, "refused channel"),
            ({"consent": "collect", "channel": "sms"}, "refused channel"),
            ({"consent": "marketing", "older_than": "700d"}, 'true +"y"'),
            ({"consent": "marketing", "within": "700d"}, 'false -"y"'),
            ({"consent": "profiling", "older_than": "700d"}, 'false -"y"'),
            ({"consent": "profiling", "within": "700d"}, 'true +"y"'),
            ({"consent": "marketing", "channel": "sms", "older_than": "1d"}, 'false -"n"'),
            ({"consent": "transactional", "older_than": "1d"}, 'false -"CT" missing'),
            ({"consent": "marketing", "older_than": "2 years"}, "refused older_than"),
            ({"consent": "marketing", "older_than": "1d", "within": "2d"}, "refused /"),
        ],
        {
            "policy": {
                "accepts": {"transactional": ["y", "CT"], "collect": ["y", "CT"], "*": ["y"]},
                "defaults": {"transactional": "CT"},
            },
            "person": {
                "consents": [
                    _said("marketing", "y"),
                    _said("marketing", "n", channel="sms"),
                    _said("marketing", "n", channel="web_push", address="old"),
                    _said("collect", "CT"),
                    _said("profiling", "y") | {"at_ms": NOW_MS - 700 * DAY_MS},
                ],
                "reach": {"web_push": ["new", "old"], "sms": ["a1"]},
            },
        },
    ),
    RuleScenario(
        "consent_without_policy",
        "Where no policy is known nothing is allowed.",
        [({"consent": "marketing"}, "false -null missing")],
        {"person": {"consents": [_said("marketing", "y")]}},
    ),
    RuleScenario(
        "reachable",
        "Reachable is who has an address that is not gone; everybody has the app.",
        [
            ({"reachable": "web_push"}, "true +2"),
            ({"reachable": "sms"}, "false -0"),
            ({"reachable": "in_app"}, "true +1"),
            ({"reachable": "pigeon"}, "refused reachable"),
        ],
        {"person": {"reach": {"web_push": ["r1", "r2"]}}},
    ),
    RuleScenario(
        "members",
        "Audiences, traits and arms are what others worked out; what nobody did is missing.",
        [
            ({"audience": "yoga-lapsed"}, "true +true"),
            ({"audience": "night-owls"}, "false -false"),
            ({"trait": "yoga_90d", "gte": 3}, "true +4"),
            ({"trait": "yoga_90d", "gte": 5}, "false -4"),
            ({"trait": "yoga_90d", "is": "4"}, "false -4 type"),
            ({"trait": "spend", "exists": False}, "true +null missing"),
            ({"arm": "greet-test", "is": "B"}, 'true +"B"'),
            ({"arm": "greet-test", "in": ["A", "C"]}, 'false -"B"'),
            ({"arm": "other-test", "is": "B"}, "false -null missing"),
            ({"audience": ["yoga-lapsed"]}, "refused audience"),
            ({"trait": "yoga_90d"}, "refused /"),
            ({"arm": 3, "is": "B"}, "refused arm"),
        ],
        {
            "person": {
                "audiences": {"yoga-lapsed": NOW_MS - DAY_MS},
                "arms": {"greet-test": "B"},
            },
            "traits": {"yoga_90d": 4},
        },
    ),
    RuleScenario(
        "bought_before_not_lately",
        "Who bought yoga once, and not for sixty days, is lapsed to the millisecond.",
        [
            (LAPSED, 'false +1 -"5184000s ago"'),
            ({**LAST_YOGA, "within": "60d"}, 'true +"5184000s ago"'),
            ({"not": {"did": "purchase", "within": "14d"}}, "true -0"),
        ],
        {"person": {"history": [_ago("purchase", 60, category="yoga")]}},
    ),
    RuleScenario(
        "not_yet",
        "Forms that come later are refused as such, never ignored.",
        [({"source": "tickets", "get": "left", "gt": 0}, "refused source")],
    ),
    RuleScenario(
        "bounds",
        "A tree is at most 20 deep and 200 nodes large, its wheres included; beyond it is refused.",
        [
            (_deep(20), "false +true"),
            (_deep(21), "refused " + _path("not", times=20)),
            ({"any": [False] * 198 + [True]}, "true " + "-false " * 198 + "+true"),
            ({"all": [True] * 200}, "refused all.199"),
            (_nots(18, {"did": "a", "where": {"event": "b", "is": 1}}), "false -0"),
            (
                _nots(20 - 1, {"did": "a", "where": {"event": "b", "is": 1}}),
                "refused " + _path("not", times=19) + ".where",
            ),
            (
                {"all": [{"did": "a", "where": {f"k{n}": 1 for n in range(97)}}] * 2},
                "false -0",
            ),
            (
                {"all": [{"did": "a", "where": {f"k{n}": 1 for n in range(98)}}] * 2},
                "refused all.1.where.k97",
            ),
        ],
    ),
    RuleScenario(
        "looked_up",
        "What a run has looked up has source and age; one that is too old is as good as missing.",
        [
            ({"value": "tickets.left", "gt": 0}, "true +3"),
            ({"value": "tickets.left", "gt": 0, "max_age": "10m"}, "true +3"),
            ({"value": "tickets.left", "gt": 0, "max_age": "9m"}, "false -null stale"),
            ({"value": "tickets.left", "is_not": 9, "max_age": "9m"}, "true +null stale"),
            ({"value": "tickets.sold", "gt": 0}, "false -null missing"),
            ({"value": "weather", "exists": True}, "false -null missing"),
            ({"value": "tickets.town", "is": "ULM", "fold": True}, 'true +"Ulm"'),
            ({"value": "tickets.town", "gt": 1}, 'false -"Ulm" type'),
            ({"value": "", "exists": True}, "refused value"),
            ({"value": "tickets..left", "gt": 0}, "refused value"),
            ({"value": "tickets.left", "gt": 0, "max_age": "soon"}, "refused max_age"),
            ({"value": "tickets.left", "max_age": "9m"}, "refused /"),
        ],
        {
            "values": {
                "tickets": {
                    "value": {"left": 3, "town": "Ulm"},
                    "source": "box-office",
                    "at_ms": NOW_MS - 600_000,
                }
            }
        },
    ),
    RuleScenario(
        "hostile",
        "Odd trees are refused or answered like any other, and quickly.",
        [
            (_x("gt", 10**30), "false -1"),
            (_x("is_not", -(10**30)), "true +1"),
            ({"person": "long", "like": "*a" * 20 + "*b"}, 'false -"' + "a" * 200 + '"'),
            ({"person": "__class__", "exists": True}, "false -null missing"),
            ({"person": "person_id", "exists": True}, "false -null missing"),
            ({"person": "x.__class__", "exists": True}, "false -null missing"),
            ({"all": "abc"}, "refused all"),
            ({"all": {"0": True}}, "refused all"),
            ({"transition": ["enter"]}, "refused transition"),
            ({"transition": {"enter": True}}, "refused transition"),
            ({"time": {"days": [["mo"]]}}, "refused time.days"),
            ({"time": {"days": ["mo"]}, "zone": "../../etc/localtime"}, "refused zone"),
            ({"time": {"days": ["mo"]}, "zone": {"name": "place"}}, "refused zone"),
            ({"did": {"name": "a"}}, "refused did"),
            ({"did": "a", "count": {"min": True}}, "refused count"),
            ({"did": "a", "since": "9999-12-31T23:59:59-23:59"}, "false -0"),
            ({"did": "a", "since": "0001-01-01T00:00:00+23:59"}, "false -0"),
            ({"inside": {"id": ["port"]}}, "refused inside.id"),
            ({"inside": {"id": "port"}, "for": "99999999999d"}, "refused for"),
        ],
        _person(x=1, long="a" * 200),
    ),
]


def main() -> None:
    """Write the vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for scenario in SCENARIOS:
        text = json.dumps(play(scenario), indent=1)
        (FOLDER / f"{scenario.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
