"""What somebody means who writes back: fixed words, clear ones, doubtful ones, and the rest."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.keywords import HELP, OUT, START, YES, is_korean, meaning_of

WRITTEN = (
    "STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT",
    "OPT OUT", "OPT-OUT", "REMOVE", "ARRET", "ARRÊT", "TD", "수신거부", "거부", "중지",
    "해지", "그만",
)  # fmt: skip
AROUND = " \t\n.!?,;:'\"()[]-_*~…、\u3002\uff01\uff1f\u200b\u00a0\ufeff\U0001f6d1"


@pytest.mark.feature("C05")
@pytest.mark.parametrize("word", WRITTEN)
def test_every_opt_out_word_is_one(word: str) -> None:
    """The whole list of the specification, as it is written there and in small letters."""
    assert meaning_of(word) == meaning_of(word.lower()) == "out"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("START", "start"), ("Unstop.", "start"), ("YES", "yes"), ("yes!", "yes"),
        ("HELP", "help"), ("info", "help"),
        ("Stop.", "out"), ("\uff33\uff34\uff2f\uff30", "out"), ("S T O P", "out"),
        ("s.t.o.p", "out"),
        ("수신 거부", "out"), ("\u1109\u116e\u1109\u1175\u11ab\u1100\u1165\u1107\u116e", "out"),
        ("stop texting me", "clear"), ("STOP PLEASE", "clear"), ("stop pls", "clear"),
        ("please stop", "clear"), ("leave me alone", "clear"), ("Leave me ALONE!!!", "clear"),
        ("don't text me again", "clear"), ("Don\u2019t send me any more of these", "clear"),
        ("take me off your list", "clear"), ("I want to unsubscribe", "clear"),
        ("i'd like to opt out", "clear"), ("no more messages", "clear"), ("wrong number", "clear"),
        ("stop sending this", "clear"), ("STOP Luma", "clear"), ("I revoke my consent", "clear"),
        ("ne m'envoyez plus de SMS", "clear"), ("Arrêtez svp", "clear"),
        ("문자 보내지 마세요", "clear"), ("이제 그만 보내세요", "clear"),
        ("수신거부합니다", "clear"),
        ("광고 그만", "clear"), ("해지 부탁드려요", "clear"), ("연락하지 마", "clear"),
        ("please don't stop", "doubt"), ("Don\u2019t STOP the offers, I love them", "doubt"),
        ("never stop sending these", "doubt"), ("do not unsubscribe me", "doubt"),
        ("which bus stop is it?", "doubt"), ("거부하지 않을게요", "doubt"),
        ("그만두지 마세요", "doubt"), ("what time does the stopover end", "doubt"),
        ("", "other"), ("ok thanks", "other"), ("when do you open at the weekend?", "other"),
        ("can I cancel my order?", "other"), ("yes please", "other"), ("helpful", "other"),
        ("네", "other"), ("\U0001f44d", "other"), ("starting when?", "other"),
    ],
)  # fmt: skip
def test_reply_means_what_it_says(text: str, meaning: str) -> None:
    """Fixed, clear, doubtful or something else: table of the specification and of real replies."""
    assert meaning_of(text) == meaning


def _wide(word: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    """Give a keyword and the same word in other case, width, spacing and punctuation."""
    word = draw(st.sampled_from(sorted(OUT | START | YES | HELP)))
    cased = "".join(draw(st.sampled_from([c.lower(), c.upper()])) for c in word)
    shown = _wide(cased) if draw(st.booleans()) else cased
    wide = unicodedata.normalize("NFD", shown) if draw(st.booleans()) else shown
    ends = draw(st.text(AROUND, max_size=4)), draw(st.text(AROUND, max_size=4))
    return word, ends[0] + wide + ends[1]


@settings(max_examples=150)
@given(disguised())
def test_keyword_is_found_in_any_case_width_and_punctuation(found: tuple[str, str]) -> None:
    """Folding takes away all that is no letter or digit, and nothing that is."""
    word, text = found

    assert meaning_of(text) == meaning_of(word)


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_any_text_has_a_meaning_and_only_keywords_are_fixed(text: str) -> None:
    """No text fails; a fixed meaning needs exactly a keyword's letters."""
    letters = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
    found = meaning_of(text)

    assert found in {"out", "clear", "doubt", "start", "yes", "help", "other"}
    if found in {"out", "start", "yes", "help"}:
        assert len(letters) <= 2 * max(map(len, OUT))


@pytest.mark.parametrize(("text", "korean"), [("그만", True), ("STOP", False), ("", False)])
def test_language_of_a_reply_is_told_by_its_letters(text: str, korean: bool) -> None:  # noqa: FBT001 - a column
    """One Korean letter is enough."""
    assert is_korean(text) is korean


@pytest.mark.parametrize("text", ["stop " * 2000, "ne m " * 2000, "그만" * 4000, "a " * 8000])
def test_long_reply_is_read_up_to_a_bound(text: str) -> None:
    """A message of tens of thousands of characters is judged by its beginning."""
    assert meaning_of(text) in {"clear", "doubt", "other"}
