"""
Advice: what is doubtful about content, and would still be sent. Warnings of ``fencepost check``.

Pure. Each is about what its author can see to: a length, a language, a name that is probably
mistyped. A warning stops nothing, and is about what was written, not about what is live already.

Rule 1. A text is measured without its Liquid: what it prints can only make it longer.
Rule 2. ``person.…`` is free, so a name is doubted only where rules or other texts have one like it.
Rule 3. In marketing, a person's value without ``default`` and without a condition around it
        withholds the message from everybody who has not allowed personalisation.
Rule 4. ``event`` is empty unless one of those who send the template is woken by an event.
Rule 5. Korean advertising begins with (광고) (Network Act, article 50): the text, the subject of
        an email, the title or body of a notification. A template that names no language is
        Korean where a third of its letters are.
Rule 6. ``value.…`` is empty where no step of any journey looks that name up; a name of
        ``place.meta`` is doubted where no place has it, and one has a name like it.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from liquid import RenderContext
from liquid.builtin.expressions.filtered import FilteredExpression
from liquid.builtin.expressions.path import Path as Named
from liquid.builtin.output import OutputNode

from fencepost_gateway.content import delimiters, language
from fencepost_gateway.content.authored import MARKUP, Source, is_dynamic, sources_of
from fencepost_gateway.content.budget import BudgetedTemplate, parts_of
from fencepost_gateway.content.fragments import names_in
from fencepost_gateway.content.nearest import BY_LIBRARY, BY_TAG
from fencepost_gateway.content.scope import PERSONAL
from fencepost_gateway.content.segments import segments
from fencepost_gateway.content.senders import brings_event, senders
from fencepost_gateway.documents.document import Document, dotted
from fencepost_gateway.documents.kinds import SENDING, Finding
from fencepost_gateway.documents.models.template import Template
from fencepost_gateway.documents.translations import lacking, surplus
from fencepost_gateway.documents.world import nearest

SHOWN_CHARS: Final[Mapping[tuple[str, str], int]] = {
    ("push", "title"): 40,
    ("push", "body"): 150,
    ("web_push", "title"): 50,
    ("web_push", "body"): 150,
    ("webhook", "title"): 80,
    ("webhook", "body"): 500,
    ("in_app", "title"): 80,
    ("in_app", "body"): 500,
    ("email", "subject"): 70,
}
LABEL: Final = "(광고)"
FIRST_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "in_app": ("title", "body"),
    "push": ("title", "body"),
    "web_push": ("title", "body"),
    "sms": ("text",),
    "email": ("subject",),
    "webhook": ("title", "body"),
}
_LIKE: Final = 0.8
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_PERSON = re.compile(r"\bperson\.([A-Za-z_]\w*)")
_VALUE = re.compile(r"\bvalue\.([A-Za-z_]\w*)")
_META = re.compile(r"\bplace\.meta\.([A-Za-z_]\w*)")
_NEAREST = re.compile(rf"\b({BY_LIBRARY}|{BY_TAG})\.([\w-]+)")
_DEAD = re.compile(r"""\bhref\s*=\s*(?:""|''|["']#["'])""", re.IGNORECASE)
_PLAIN_HTTP = re.compile(r"""\b(?:href|src)\s*=\s*["']?http:""", re.IGNORECASE)
_IMAGE = re.compile(r"<(?:img|mj-image)\b[^<>]*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=", re.IGNORECASE)
_ADVERTISING = re.compile(
    r"\b(?:discount|coupon|voucher|promo(?:tion)?|special offer|buy now|free gift|on sale)s?\b"
    r"|\d{1,3} ?% off\b|할인|쿠폰|특가|프로모션|사은품",
    re.IGNORECASE,
)
Found = tuple[Document, Finding]


def advise(documents: Sequence[Document]) -> Iterator[Found]:
    """Find what is doubtful in the content that was written."""
    rendered = {n for d in documents for s in _content(d) for n in names_in(s.text)}
    sent_by = senders(documents)
    names = _person_names(documents)
    places = _places(documents)
    looked_up, metas = _looked_up(documents), _metas(documents)
    for document in documents:
        if not document.origin.file or document.kind not in {"template", "fragment"}:
            continue
        found = [*_unused(document, sent_by, rendered)]
        if document.kind == "template":
            found += _translations(document)
            found += _unlabelled(document)
        for source in sources_of(document):
            if delimiters.fault(source.text):
                continue  # an error says so, and what follows reads braces in pairs
            found += _about(document, source)
            found += _mistyped(source, names)
            found += _nowhere(source, places)
            found += _unknown(source, looked_up, metas)
            found += _eventless(source, sent_by.get(document.id, []))
        yield from ((document, finding) for finding in found)


def _doubt(source: Source, what: str, how: str) -> Finding:
    return Finding(source.path, what, how, is_warning=True)


def _content(document: Document) -> Iterator[Source]:
    if document.kind in {"template", "fragment"}:
        yield from sources_of(document)


def _unused(document: Document, wanted: Collection[str], rendered: set[str]) -> Iterator[Finding]:
    used = wanted if document.kind == "template" else rendered
    if document.id not in used:
        by = "campaign or journey sends" if document.kind == "template" else "template renders"
        what = f"no {by} this {document.kind}"
        yield Finding((), what, "use it, or take it out", is_warning=True)


def _translations(document: Document) -> Iterator[Finding]:
    template = Template.model_validate(document.body)
    for tag in template.translations:
        missing = [dotted(path) for path in lacking(template, tag)]
        if missing:
            what = f"{tag} lacks {', '.join(missing)}"
            how = "translate it; until then the channel goes out in the next language"
            yield Finding(("languages", tag), what, how, is_warning=True)
        for channel in surplus(template, tag):
            what = f"{tag} has a channel that the default has not, so nobody gets it"
            how = "write it in the default too, or take it out"
            yield Finding(("languages", tag, channel), what, how, is_warning=True)


def _about(document: Document, source: Source) -> Iterator[Finding]:
    member = str(source.path[-1])
    text = _LIQUID.sub("", source.text)
    yield from _long(source, member, text)
    if member == "link" and source.text.strip().lower().startswith("http:"):
        yield _doubt(source, "the link is not encrypted", "write https://")
    if member in MARKUP:
        yield from _html(source)
    advertising = _ADVERTISING.search(text)
    if document.body.get("purpose") == "transactional" and advertising:
        what = f"{advertising[0]!r} reads like advertising inside a transactional template"
        yield _doubt(source, what, "take it out, or make the purpose marketing")
    is_withheld = document.body.get("missing", "withhold") == "withhold"
    if document.body.get("purpose") == "marketing" and is_withheld and is_dynamic(source.text):
        yield from _without_default(source)


def _eventless(source: Source, sent_by: Sequence[Document]) -> Iterator[Finding]:
    """Doubt the event's values where those who send the template are not woken by one (Rule 4)."""
    if not sent_by or "event" not in source.text or any(map(brings_event, sent_by)):
        return
    try:
        environment = language.environments(language.WITHHOLDING).plain
        template = language.parse(environment, source.text)
    except language.ParseError:
        return
    if "event" in language.roots_of(template):
        names = " and ".join(f"{each.kind} {each.id}" for each in sent_by[:3])
        what = f"event has no values here: no event wakes {names}"
        yield _doubt(source, what, "take it out, or let an event bring people in")


def _looked_up(documents: Sequence[Document]) -> set[str]:
    steps = [step for each in documents for step in each.body.get("steps") or []]
    return {str(step["look_up"].get("as")) for step in steps if step.get("look_up")}


def _metas(documents: Sequence[Document]) -> set[str]:
    own = (each.body["properties"] for each in documents if each.kind == "fence")
    return {name for each in own for name in (each.get("place") or {}).get("meta") or {}}


def _unknown(source: Source, looked_up: set[str], metas: set[str]) -> Iterator[Finding]:
    """Doubt what nobody looks up, and what is nearly called as places have it (Rule 6)."""
    liquid = " ".join(_LIQUID.findall(source.text))
    for name in dict.fromkeys(_VALUE.findall(liquid)):
        if name not in looked_up:
            what = f"no step looks up value.{name}"
            yield _doubt(source, what, nearest(name, looked_up, "look_up with as:"))
    for name in dict.fromkeys(_META.findall(liquid)):
        near = difflib.get_close_matches(name, sorted(metas), 1, _LIKE)
        if name not in metas and near:
            yield _doubt(source, f"no place has meta.{name}", f"did you mean {near[0]}?")


def _unlabelled(document: Document) -> Iterator[Finding]:
    """Doubt Korean marketing whose first words do not say that it is advertising (Rule 5)."""
    template = Template.model_validate(document.body)
    if template.purpose != "marketing":
        return
    korean = [tag for tag in template.translations if _is_korean(tag)]
    if _is_korean(template.language) or not template.language:
        korean.append("")
    for tag in korean:
        said = template.translations[tag] if tag else template
        for channel, members in FIRST_WORDS.items():
            words = getattr(said, channel)
            texts = [str(getattr(words, name, None) or "") for name in members] if words else []
            if not (tag or template.language or any(map(_is_hangul, texts))):
                continue
            if words and not any(text.strip().startswith(LABEL) for text in texts):
                path = (*(("languages", tag) if tag else ()), channel)
                what = f"Korean marketing that does not begin with {LABEL}"
                how = f"begin {' or '.join(members)} with {LABEL}: Korean law asks for it"
                yield Finding(path, what, how, is_warning=True)


def _is_korean(tag: str) -> bool:
    return tag.split("-", 1)[0].lower() == "ko"


def _is_hangul(text: str) -> bool:
    """Say whether at least a third of the letters are Korean: names alone make no Korean text."""
    letters = [character for character in _LIQUID.sub("", text) if character.isalpha()]
    return 0 < len(letters) <= 3 * len(_HANGUL.findall("".join(letters)))


def _long(source: Source, member: str, text: str) -> Iterator[Finding]:
    if source.channel == "sms" and member == "text":
        found = segments(text)
        if found.count > 1:
            why = f" because of {found.outside!r}" if found.outside else ""
            what = f"at least {found.count} segments of {found.encoding}{why}, {found.units} units"
            yield _doubt(source, what, "each segment is paid for: shorten it, if one will do")
    most = SHOWN_CHARS.get((source.channel, member))
    if most is not None and len(text) > most:
        what = f"{len(text)} characters, and {most} are surely shown"
        yield _doubt(source, what, "shorten it, or put what matters first")


def _html(source: Source) -> Iterator[Finding]:
    if _DEAD.search(source.text):
        yield _doubt(source, "a link leads nowhere", "give every href an address")
    if _PLAIN_HTTP.search(source.text):
        yield _doubt(source, "an address in the HTML is not encrypted", "write https://")
    if any(not _ALT.search(image[0]) for image in _IMAGE.finditer(source.text)):
        yield _doubt(source, "an image has no alt text", 'add alt="…", or alt="" for decoration')


def _without_default(source: Source) -> Iterator[Finding]:
    """Find values of a person that nothing stands in for (Rule 3)."""
    try:
        environment = language.environments(language.WITHHOLDING).plain
        template = language.parse(environment, source.text)
    except language.ParseError:
        return
    printed, asked = _printed(template)
    for name in sorted(printed - asked):
        what = f"{name} has no default: whoever denies personalisation gets nothing"
        how = f"write {{{{ {name} | default: '…' }}}}, or put an if around it"
        yield _doubt(source, what, how)


def _printed(template: BudgetedTemplate) -> tuple[set[str], set[str]]:
    """Give a person's values that are printed without a default, and those asked about."""
    context = RenderContext(template)
    printed: set[str] = set()
    asked: set[str] = set()
    outputs: set[int] = set()
    for part in (part for node in template.nodes for part in parts_of(node, context)):
        if isinstance(part, OutputNode) and isinstance(part.expression, FilteredExpression):
            left, filters = part.expression.left, part.expression.filters or []
            outputs.add(id(left))
            if isinstance(left, Named) and "default" not in {each.name for each in filters}:
                printed.add(str(left))
        elif isinstance(part, Named) and id(part) not in outputs:
            asked.add(str(part))
    return {name for name in printed if name.split(".", 1)[0].split("[", 1)[0] in PERSONAL}, asked


def _person_names(documents: Sequence[Document]) -> Counter[str]:
    """Count the attributes that rules and texts name, once for each document."""
    names: Counter[str] = Counter()
    for document in documents:
        own = {n for s in _content(document) for n in _PERSON.findall(s.text)}
        rules = _in_rules(document.body) if document.kind in SENDING else ()
        names.update(own | set(rules))
    return names


def _in_rules(tree: object) -> Iterator[str]:
    if isinstance(tree, Mapping):
        if isinstance(tree.get("person"), str):
            yield tree["person"].split(".", 1)[0]
        if isinstance(tree.get("set"), Mapping):  # what a step of a journey updates
            yield from tree["set"]
        for below in tree.values():
            yield from _in_rules(below)
    elif isinstance(tree, list):
        for below in tree:
            yield from _in_rules(below)


def _mistyped(source: Source, names: Counter[str]) -> Iterator[Finding]:
    """Doubt attributes that nobody else names, and that are like one somebody does (Rule 2)."""
    for name in dict.fromkeys(_PERSON.findall(source.text)):
        others = [other for other in names if other != name]
        near = difflib.get_close_matches(name, others, 1, _LIKE) if names[name] == 1 else []
        if near:
            what = f"person.{name} is named nowhere else"
            yield _doubt(source, what, f"did you mean person.{near[0]}?")


def _places(documents: Sequence[Document]) -> dict[str, set[str]]:
    fences = [each.body for each in documents if each.kind == "fence"]
    members = [{**each, **each.get("properties", {})} for each in fences]
    return {
        BY_TAG: {tag for each in members for tag in each.get("tags") or ()},
        BY_LIBRARY: {str(each["library"]) for each in members if each.get("library")},
    }


def _nowhere(source: Source, places: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Doubt a tag or library that no fence has."""
    for root, key in dict.fromkeys(_NEAREST.findall(source.text)):
        if key not in places[root]:
            near = difflib.get_close_matches(key, sorted(places[root]), 1)
            how = f"did you mean {root}.{near[0]}?" if near else "give it to a fence"
            what = f"no fence has the {'tag' if root == BY_TAG else 'library'} {key}"
            yield _doubt(source, what, how)
