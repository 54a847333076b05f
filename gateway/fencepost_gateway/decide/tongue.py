"""
Tongue: in which language something is said, and on whose clock.

Pure data. Texts are whole sentences in English and Korean beside each other; a text that lacks
one of them cannot be written.

Rule 1. A moment is told on the wall clock of a named zone, and the zone is said with it. A zone
        nobody knows becomes UTC, and that is said too.
Rule 2. Korean particles follow the sound of the word before them: ``{fence:을/를}``. Digits sound
        as they are read; after letters whose sound is not known both forms are written.
Rule 3. Of the languages somebody accepts the best one that is spoken here is taken; else English.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from msgspec import Struct

from fencepost_gateway.decide.spans import local_time, zone_named

Language = Literal["en", "ko"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

_HANGUL = range(0xAC00, 0xD7A4)
_FINALS = 28
_RIEUL = 8  # the final consonant after which "ro" stays "ro"
_DIGIT_FINALS = {"0": 21, "1": 8, "3": 16, "6": 1, "7": 8, "8": 8}  # as 영 일 삼 육 칠 팔 end
_NO_FINAL = "2459"
_UNITS = (
    (86_400, "d", "일"),
    (3_600, "h", "시간"),
    (60, "min", "분"),
)


class Said(NamedTuple):
    """One text in both languages; members in braces are filled in."""

    en: str
    ko: str


class Noun:
    """A word that stands before a Korean particle (Rule 2)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __format__(self, particles: str) -> str:
        """Write the word, with the particle that fits of a pair such as ``을/를``."""
        if not particles:
            return self._text
        closed, _, opened = particles.partition("/")
        final = _final_of(self._text)
        if final is None:
            return f"{self._text}{closed}({opened})"
        is_open = final == 0 or (final == _RIEUL and opened == "로")
        return self._text + (opened if is_open else closed)


class Tongue(Struct, frozen=True):
    """How to say something: the language, and the zone whose clock is told."""

    language: Language = "en"
    zone: str = "UTC"

    def say(self, said: Said, **values: Any) -> str:
        """Fill in a text; words that may come before a particle become nouns."""
        text = said.ko if self.language == "ko" else said.en
        nouns = {k: Noun(v) if isinstance(v, str) else v for k, v in values.items()}
        return text.format(**nouns)

    def moment(self, at_ms: int | None) -> str:
        """Write an epoch millisecond on the clock of the zone (Rule 1)."""
        is_korean = self.language == "ko"
        if at_ms is None:
            return "한 번도 없음" if is_korean else "never"
        zone = zone_named(self.zone)
        name = self.zone if zone else "UTC"
        at = local_time(at_ms, zone) if zone else datetime.fromtimestamp(at_ms / 1000, UTC)
        if is_korean:
            return f"{at.year}년 {at.month}월 {at.day}일 {at:%H:%M:%S} ({name})"
        return f"{at:%Y-%m-%d %H:%M:%S} {name}"

    def span(self, length_ms: int) -> str:
        """Write a length of time briefly: in its largest unit and the next smaller one."""
        seconds = length_ms // 1000
        for size, unit, korean in _UNITS:
            if seconds >= size:
                more = self._rest(seconds % size, size)
                count = f"{seconds // size:,}"
                return (count + korean if self.language == "ko" else f"{count} {unit}") + more
        return f"{seconds}초" if self.language == "ko" else f"{seconds} s"

    def _rest(self, seconds: int, than: int) -> str:
        """Write what is left of a span in the next smaller unit, if there is any of it."""
        size, unit, korean = next((each for each in _UNITS if each[0] < than), (1, "s", "초"))
        count = seconds // size
        if not count:
            return ""
        return f" {count}{korean}" if self.language == "ko" else f" {count} {unit}"

    def count(self, number: float) -> str:
        """Write a number with its thousands apart, as both languages do."""
        return f"{number:,}"


ENGLISH: Final = Tongue()


def language_of(accepted: str) -> Language:
    """Choose the language by an ``Accept-Language`` (RFC 9110 section 12.5.4; Rule 3)."""
    best: Language = "en"
    best_weight = 0.0
    for part in accepted.split(","):
        tag, _, weight_text = part.strip().partition(";")
        found = next((each for each in LANGUAGES if tag.lower().split("-")[0] == each), None)
        weight = _weight(weight_text)
        if found is not None and weight > best_weight:
            best, best_weight = found, weight
    return best


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _final_of(text: str) -> int | None:
    """Give the number of the final consonant a word ends with, 0: none; None: not known."""
    last = text[-1:]
    if last and ord(last) in _HANGUL:
        return (ord(last) - _HANGUL.start) % _FINALS
    if last in _DIGIT_FINALS:
        return _DIGIT_FINALS[last]
    return 0 if last and last in _NO_FINAL else None
