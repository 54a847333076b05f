"""
Keywords: what somebody means who writes back to a message.

Pure. The words are those of the specification (``consent.md`` section 6), which are the carriers'
and the regulators' (47 CFR 64.1200(a)(10), CTIA, Korea's ``수신거부``).

Rule 1. A keyword is the whole message, folded: width (NFKC), case, accents, and everything that is
        no letter or digit goes, so that ``Stop!``, ``STOP ALL`` and ``opt-out`` are what they are.
Rule 2. ``out`` is a fixed word. ``clear`` is no fixed word and yet leaves no doubt ("stop texting
        me", "STOP PLEASE"): it is obeyed as well, and a person looks at it. ``doubt`` has such a
        word in it and may mean something else ("please don't stop", "which bus stop?"): nothing is
        changed, and a person looks at it. Nothing that could be a no is ignored.
Rule 3. A negated word is ``doubt``, whatever else the message says: to guess wrong there would
        silence somebody who asked for more.
Rule 4. ``start`` ends what STOP began; ``yes`` counts only while a question is pending, which is
        not known here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

Meaning = Literal["out", "clear", "doubt", "start", "yes", "help", "other"]

OUT: Final = frozenset({
    "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "remove",
    "arret", "td", "수신거부", "거부", "중지", "해지", "그만",
})  # fmt: skip
START: Final = frozenset({"start", "unstop"})
YES: Final = frozenset({"yes"})
HELP: Final = frozenset({"help", "info"})
READ_MAX: Final = 1600  # as long as a message can be

_STOP = r"(?:stop|quit|end|cease|cancel|unsubscribe|revoke|remove|opt ?out)"
_POLITE = r"(?:please|pls|plz|now|it|this|thanks|thank you|thx|immediately|already|asap|ok|okay|me)"
_NEGATED: Final = re.compile(
    rf"\b(?:dont|do not|never|cant|cannot|wont|will not|wouldnt|not|no need to)(?: \w+)? {_STOP}"
    r"|\bne (?:m )?(?:arret\w+|stop\w*) (?:pas|jamais)"
    r"|(?:중지|거부|해지|그만\w{0,2}?)\s?하?지\s?(?:마|말|않)"
)
_CLEAR: Final = tuple(
    re.compile(each)
    for each in (
        rf"^(?:{_POLITE} )*(?:{_STOP}|stop ?all|arret)(?: {_POLITE})*$",
        r"^(?:stop|unsubscribe|opt ?out|revoke) \w+$",
        r"\b(?:stop|quit|cease) (?:text|send|messag|contact|call|spam|bother|harass|market|advert)",
        r"\b(?:stop|quit|cease) (?:writing|sms|these|this|your|any)",
        r"\b(?:stop|quit|cease) (?:the|all) (?:text|messag|ad|spam)",
        r"\b(?:dont|do not|never) (?:ever )?(?:text|message|msg|contact|send|call|sms|write|spam)",
        r"\bleave (?:me|us) alone\b|\blose my number\b|\bwrong number\b",
        r"\b(?:take|get|remove|unsubscribe|delete|opt) (?:me|my (?:number|phone|name))\b",
        r"\bno (?:more|further) (?:text|messag|sms|ad|market|spam)",
        r"\b(?:want|wish|like|need|how do i|how to|can i|let me) (?:to )?(?:unsubscribe|opt ?out)",
        r"\b(?:want|wish|like|need) (?:to )?(?:be removed|revoke|stop (?:receiv|getting|all))",
        r"\bi (?:revoke|withdraw) (?:my )?consent\b|\bpiss off\b|\bfuck off\b",
        r"\bne (?:m |me )?(?:envoyez|contactez|ecrivez) plus\b|\bdesinscri|\bdesabonn|\barretez\b",
        r"\bplus de (?:message|sms|pub)",
        r"(?:보내|연락|문자|전화)\s?(?:하)?지\s?(?:마|말)|그만\s?(?:보내|하|좀|와)|수신\s?거부",
        r"(?:거부|해지|중지|취소)\s?(?:해\s?(?:줘|주)|합니다|할게요|할래요|해요|하겠)",
        r"(?:거부|해지|중지|취소)\s?(?:요청|부탁|신청|바랍니다)",
        r"(?:광고|문자|메시지)\s?(?:그만|싫|안\s?받|사절|거부)|안\s?받(?:을|고\s?싶)",
    )
)
_MENTIONS: Final = re.compile(
    r"\b(?:stop\w*|unsubscrib\w*|opt ?out|arret\w*)\b|수신\s?거부|거부|중지|해지|그만"
)


def meaning_of(text: str) -> Meaning:
    """Say what a message that somebody wrote back means (Rules 1 to 4)."""
    words = _words(text[:READ_MAX])
    folded = words.replace(" ", "")
    for known, meaning in _FIXED:
        if folded in known:
            return meaning
    if _NEGATED.search(words):
        return "doubt"
    if any(each.search(words) for each in _CLEAR):
        return "clear"
    return "doubt" if _MENTIONS.search(words) else "other"


def is_korean(text: str) -> bool:
    """Say whether a message has a Korean letter in it."""
    return any("HANGUL" in unicodedata.name(letter, "") for letter in text[:READ_MAX])


def _words(text: str) -> str:
    """Fold a message to words of letters and digits with one space between them (Rule 1)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    for apostrophe in "'\u2019\u02bc\u00b4`":
        plain = plain.replace(apostrophe, "")
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if unicodedata.combining(c) == 0)
    shown = (c for c in unicodedata.normalize("NFC", bare) if unicodedata.category(c) != "Cf")
    return " ".join("".join(c if c.isalnum() else " " for c in shown).split())


_FIXED: Final[tuple[tuple[frozenset[str], Meaning], ...]] = (
    (OUT, "out"),
    (START, "start"),
    (YES, "yes"),
    (HELP, "help"),
)
