import ast
import inspect
import string
from typing import get_args, get_type_hints

import pytest

from fencepost_gateway.decide import channel_gates, message_gates, permission, phrases, words
from fencepost_gateway.decide.phrases import CLAIM, GATES, KIND_NAMES, KINDS, NOTES, STATES
from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.decide.rule_facts import TRANSITIONS
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.decide.tongue import ENGLISH, Said, Tongue
from fencepost_gateway.intake import wire

TABLES = {
    name: table
    for name, table in vars(phrases).items()
    if isinstance(table, dict) and name.isupper()
}
SAID = [(name, key) for name, table in TABLES.items() for key in table]
KOREAN = Tongue("ko", "Asia/Seoul")
ENTER = {
    "kind": "enter",
    "fence_id": "cafe",
    "fence_name": "카페",
    "at_ms": 0,
    "distance_m": -1234.4,
    "accuracy_m": 8.0,
    "confidence": 0.62,
}


def gates() -> set[str]:
    """Give every gate that the claim can name."""
    rooms = (message_gates, channel_gates, permission)
    trees = [ast.parse(inspect.getsource(room)) for room in rooms]
    calls = [
        n
        for tree in trees
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and ast.unparse(n.func) == "Check"
    ]
    named = [call.args[0] for call in calls if call.args]
    return {n.value for n in named if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def fields(text: str) -> set[str]:
    """Give the members that a text is filled in with."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("table", "key"), SAID)
def test_phrase_is_the_same_in_both_languages(table: str, key: str) -> None:
    """Both are there and take the same members."""
    said: Said = TABLES[table][key]

    assert said.en
    assert said.ko
    assert fields(said.en) == fields(said.ko)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_reason_takes_no_members(code: str) -> None:
    """A reason is a sentence as it stands."""
    assert not fields(REASONS[code].en) | fields(REASONS[code].ko)


def test_every_check_has_its_phrase_and_every_phrase_its_check() -> None:
    """The gates of the claim are the gates that have words."""
    assert gates() == set(GATES)


def test_every_kind_note_and_state_has_its_phrase() -> None:
    """Transitions, notes of operands, verdicts, ends of calls, what is told of them."""
    states = set(get_args(get_type_hints(Settlement)["state"]))
    states |= set(get_args(get_type_hints(wire.Receipt)["status"]))
    states |= set(get_args(get_type_hints(wire.Engagement)["action"]))
    states |= set(get_args(Word))

    assert set(KINDS) == set(KIND_NAMES) == set(TRANSITIONS)
    assert set(NOTES) == {"missing", "type", "stale", "zone", "history"}
    assert set(STATES) == states
    assert {"send", "withheld", "deferred"} <= set(CLAIM)


def test_transition_is_said_in_korean_on_the_clock_of_the_zone() -> None:
    """A polite sentence, the zone named, thousands apart."""
    (line,) = words.tell("transition", ENTER, KOREAN)

    assert line == (
        "카페에 들어왔습니다, 1970년 1월 1일 09:00:00 (Asia/Seoul), "
        "경계에서 1,234 m, 정확도 8 m, 확실성 62 %"
    )


def test_claim_is_said_in_korean_with_its_checks() -> None:
    """The verdict with its reason's sentence, then one line a check."""
    body = {
        "campaign_id": "greeting",
        "campaign_version": 3,
        "outcome": "withheld",
        "reason": "consent",
        "channel": "",
        "retry_at_ms": None,
        "checks": [
            {"gate": "live", "ok": True, "inputs": {"until_ms": 0}},
            {"gate": "brand_new", "ok": False, "channel": "sms", "inputs": {"n": 1}},
        ],
    }

    assert words.tell("claim", body, KOREAN) == [
        "보내지 않았습니다 (consent): greeting v3. 이에 동의하지 않았습니다.",
        "  통과 캠페인 게시 중: 1970년 1월 1일 09:00:00 (Asia/Seoul)까지 운영",
        "  불가 brand_new (sms): n 1",
    ]


def test_operand_says_when_what_it_counted_happened() -> None:
    """The purchase that kept somebody out is named with its moment, on their clock."""
    operand = {"rule": "did purchase count at least 1", "value": 1, "ok": True, "note": ""}
    body = {"campaign_id": "hi", "campaign_version": 1, "outcome": "entered", "cause": "enter"}
    body |= {"inputs": {"operands": [operand | {"times_ms": [0]}]}}

    assert words.tell("step", body)[1] == (
        "  yes did purchase count at least 1: found 1 [1970-01-01 00:00:00 UTC]"
    )
    assert words.tell("step", body, KOREAN)[1] == (
        "  통과 did purchase count at least 1: 확인된 값 1 [1970년 1월 1일 09:00:00 (Asia/Seoul)]"
    )


def test_check_says_how_content_came_about() -> None:
    """Generic or not, in which language, of which fragments, from what position: in words."""
    checks = [
        {
            "gate": "label",
            "ok": True,
            "channel": "sms",
            "inputs": {"label": "location", "used_for": "marketing", "denied": "location_collect"},
        },
        {
            "gate": "render",
            "ok": False,
            "channel": "sms",
            "inputs": {
                "template": "near v1",
                "language": "ko",
                "fragments": ["foot v2"],
                "content": "generic",
                "nearest": {"source": "fix", "age_s": 3600},
                "member": "person.tier",
            },
        },
    ]
    claim_body = {
        "outcome": "withheld",
        "reason": "render_missing",
        "campaign_id": "c",
        "campaign_version": 1,
        "channel": "sms",
        "retry_at_ms": None,
        "checks": checks,
    }
    said = words.tell("claim", claim_body)

    assert said[1:] == [
        "  yes data labels on sms: location, used for marketing; location_collect is not allowed",
        (
            "  no  content renders on sms: template near v1; in ko; with foot v2; generic content: "
            "personalisation is not allowed; nearest by a position 1 h old; member person.tier"
        ),
    ]
    assert "일반 내용: personalisation 미동의" in words.tell("claim", claim_body, KOREAN)[2]


def check(gate: str, inputs: dict[str, object], tongue: Tongue = ENGLISH) -> str:
    """Tell one check that did not hold."""
    body = {
        "outcome": "withheld",
        "reason": "consent",
        "campaign_id": "c",
        "campaign_version": 1,
        "channel": "",
        "retry_at_ms": None,
        "checks": [{"gate": gate, "ok": False, "channel": "sms", "inputs": inputs}],
    }
    return words.tell("claim", body, tongue)[1]


@pytest.mark.parametrize(
    ("window", "english", "korean"),
    [
        ("rolling 604800 s", "1 of 1 used, within 7 d", "1회 중 1회 사용, 7일 이내"),
        ("day in Asia/Seoul", "1 of 1 used, today in Asia/Seoul", "사용, Asia/Seoul 기준 오늘"),
    ],
)
def test_window_of_a_cap_is_said_as_people_say_it(window: str, english: str, korean: str) -> None:
    """Nobody has to divide seconds by 86,400."""
    rule = {"rule": "week", "used": 1, "limit": 1, "window": window, "next_ms": None}

    assert english in check("caps", {"rules": [rule]})
    assert korean in check("caps", {"rules": [rule]}, KOREAN)


def test_default_of_a_policy_is_told_from_what_somebody_said() -> None:
    """Where nothing was said nothing was said for anything."""
    found: dict[str, object] = {
        "purpose": "marketing",
        "value": "u",
        "said_for": "policy",
        "policy": "eu v1",
    }

    assert "u (nothing was said; default of policy eu v1)" in check("consent", found)
    assert "의사 표시 없음" in check("consent", found, KOREAN)
    assert "대상 전체" in check("consent", found | {"said_for": "any"}, KOREAN)
    assert "is paused" in check("consent", found | {"purpose": "location_active"})


def test_hours_that_never_open_together_say_so() -> None:
    """What is closed now is only half of why a message did not wait."""
    zones: dict[str, object] = {"zones": ["Asia/Seoul"], "zone_source": "device"}
    found = zones | {"closed": ["person in Asia/Seoul"], "next_ms": None, "moved_by": ""}

    assert check("quiet_hours", found).endswith("at no moment of the next 8 d is all of it open")
    assert check("quiet_hours", found, KOREAN).endswith("앞으로 8일 안에 모두 열리는 때가 없음")


def test_suppression_says_that_somebody_is_not_on_the_allow_list() -> None:
    """It is not a suppressed address that kept them out."""
    assert check("suppression", {"allow_only": True}).endswith("not on the allow list")


def test_step_names_its_cause_in_the_language() -> None:
    """A transition by its kind; an app event keeps the name its authors gave it."""
    body = {"campaign_id": "hi", "campaign_version": 1, "outcome": "entered", "cause": "enter"}

    assert words.tell("step", body | {"fence_id": "cafe"}, KOREAN)[0].endswith("(계기: 진입)")
    assert words.tell("step", body | {"fence_id": ""}, KOREAN)[0].endswith("(계기: enter)")
    assert words.tell("step", body | {"fence_id": "cafe"})[0] == "Entered hi v1, woken by enter"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_braces_in_what_people_name_are_left_alone(language: str) -> None:
    """A name is a value, never a template."""
    (line,) = words.tell("transition", ENTER | {"fence_name": "{fence}"}, Tongue(language))  # type: ignore[arg-type] # a parameter of pytest is a text

    assert "{fence}" in line


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(0.624, ", 62 % sure"), (0.9999, ", 99 % sure"), (None, ", accuracy 8 m")],
)
def test_transition_says_how_sure_it_is(confidence: float | None, expected: str) -> None:
    """Never certain, and nothing where a timer decided."""
    body = {
        "kind": "enter",
        "fence_id": "cafe",
        "at_ms": 0,
        "distance_m": -12.4,
        "accuracy_m": 8.0,
        "confidence": confidence,
    }

    (line,) = words.tell("transition", body)

    assert line.endswith(expected)
