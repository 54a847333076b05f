import pytest

from fencepost_gateway.decide.tongue import Said, Tongue, language_of

AT_MS = 1_780_315_205_000  # 2026-06-01T12:00:05Z


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("카페", "카페를"),
        ("공원", "공원을"),
        ("매장 7", "매장 7을"),
        ("매장 2", "매장 2를"),
        ("Lotus", "Lotus을(를)"),
        ("", "을(를)"),
    ],
)
def test_particle_follows_the_sound(word: str, expected: str) -> None:
    """A final consonant takes one form, none the other; after unknown sounds both stand."""
    said = Tongue("ko").say(Said("", "{name:을/를}"), name=word)

    assert said == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("호텔", "호텔로"), ("공원", "공원으로"), ("카페", "카페로")]
)
def test_particle_ro_stays_after_rieul(word: str, expected: str) -> None:
    """The one particle that takes its short form after a final ``l``."""
    assert Tongue("ko").say(Said("", "{name:으로/로}"), name=word) == expected


def test_moment_is_on_the_clock_of_its_zone_and_names_it() -> None:
    """Both languages say whose clock it is; an unknown zone is UTC, and is said to be."""
    assert Tongue("en", "Asia/Seoul").moment(AT_MS) == "2026-06-01 21:00:05 Asia/Seoul"
    assert Tongue("ko", "Asia/Seoul").moment(AT_MS) == "2026년 6월 1일 21:00:05 (Asia/Seoul)"
    assert Tongue("en", "Nowhere/Else").moment(AT_MS) == "2026-06-01 12:00:05 UTC"
    assert Tongue("ko").moment(None) != Tongue().moment(None) == "never"


@pytest.mark.parametrize(
    ("length_ms", "en", "ko"),
    [
        (90_000, "1 min 30 s", "1분 30초"),
        (3_801_000, "1 h 3 min", "1시간 3분"),
        (7_200_000, "2 h", "2시간"),
        (86_400_000 * 30 + 5_000, "30 d", "30일"),
        (4_000, "4 s", "4초"),
    ],
)
def test_span_is_said_briefly(length_ms: int, en: str, ko: str) -> None:
    """In the largest unit that fits, and the next smaller one."""
    assert (Tongue().span(length_ms), Tongue("ko").span(length_ms)) == (en, ko)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en-GB, ko;q=0.5", "en"),
        ("de, ko;q=0.1", "ko"),
        ("ko;q=0", "en"),
        ("ko;q=x, *", "en"),
        ("korn", "en"),
    ],
)
def test_language_is_the_best_of_those_accepted(accepted: str, expected: str) -> None:
    """By weight; what nobody here speaks is passed over, and English is left."""
    assert language_of(accepted) == expected
