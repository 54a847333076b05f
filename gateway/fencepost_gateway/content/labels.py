"""
Labels: what the law wants a marketing message to say of itself, put in as the last thing.

Pure. After the template, before the driver: no template can take it off, and what is there already
is not said twice. Whose law holds was decided before (``decide.jurisdiction``); of several policies
all are obeyed.

Rule 1. A label begins an SMS, the subject of an email, and the title of anything else (its body
        where there is no title).
Rule 2. Content that begins with what only looks like the label is withheld (``label_refused``):
        blanks and width do not make another label of it.
Rule 3. What a policy wants said (sender, contact, postal address, how to say no) stands at the end
        of an SMS and of both parts of an email, unless the template says it. The postal address is
        wanted in an email only.
Rule 4. What has to be said and is not known withholds the message: ``sender_missing`` names the
        member of the brand, ``no_public_url`` that there is no address for the link.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Final

from msgspec import Struct

from fencepost_channels.message import Content, EmailContent, SmsContent
from fencepost_gateway.content.renderer import RenderProblem
from fencepost_gateway.decide.plan import Brand, Imprint, Label, Policy

_END_OF_BODY: Final = "</body>"


class Duties(Struct, frozen=True):
    """What a message has to say: by which policies, for whom, and where one can unsubscribe."""

    policies: tuple[Policy, ...] = ()
    brand: Brand | None = None
    unsubscribe: str = ""


def finish(content: Content, channel: str, duties: Duties) -> Content | RenderProblem:
    """
    Give content as it may be sent, or say what it lacks.

    Args:
        content: What the template came to.
        channel: Which channel it is for.
        duties: What marketing has to say here; nothing where no policy wants anything.

    """
    labels = [p.label for p in duties.policies if p.label and channel in p.label.channels]
    words, member = _opening(content)
    for label in labels:
        if lookalike(words, label.text, label.refused):
            return RenderProblem("label_refused", f"{channel}.{member}")
    imprints = [p.imprint for p in duties.policies if channel in p.imprint.channels]
    lines = [] if not imprints else _lines(imprints, channel, duties)
    if isinstance(lines, RenderProblem):
        return lines
    return _ended(_begun(content, member, labels), lines, duties.unsubscribe)


def _opening(content: Content) -> tuple[str, str]:
    """Give the words that a label begins, and their member (Rule 1)."""
    if isinstance(content, SmsContent):
        return content.text, "text"
    if isinstance(content, EmailContent):
        return content.subject, "subject"
    member = "title" if content.title else "body"
    return getattr(content, member), member


def _begun(content: Content, member: str, labels: Iterable[Label]) -> Content:
    words = _opening(content)[0]
    for label in labels:
        if not _is_labelled(words, label.text):
            words = f"{label.text} {words}"
    if isinstance(content, SmsContent):
        return replace(content, text=words)
    if isinstance(content, EmailContent):
        return replace(content, subject=words)
    return replace(content, title=words) if member == "title" else replace(content, body=words)


def lookalike(words: str, label: str, refused: Iterable[str]) -> str:
    """Give what words begin with that only looks like a label (Rule 2); empty: they do not."""
    if _is_labelled(words, label):
        return ""
    folded = _folded(words)
    return next((each for each in refused if folded.startswith(_folded(each))), "")


def _is_labelled(words: str, label: str) -> bool:
    return words.lstrip().startswith(label)


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _lines(imprints: Sequence[Imprint], channel: str, duties: Duties) -> list[str] | RenderProblem:
    """Give what has to be said at the end, a line each (Rules 3 and 4)."""
    brand, found = duties.brand, []
    for member in _wanted(imprints, channel):
        value = getattr(brand, member, "")
        if not value:
            return RenderProblem("sender_missing", f"brand.{member}")
        found.append(value)
    for imprint in imprints:
        words = imprint.opt_out.get(channel, "")
        number = brand.free_number if brand else ""
        if "{link}" in words and not duties.unsubscribe:
            return RenderProblem("no_public_url", "opt_out.link")
        if "{free_number}" in words and not number:
            return RenderProblem("sender_missing", "brand.free_number")
        if words:
            words = words.replace("{link}", duties.unsubscribe).replace("{free_number}", number)
            found.append(words)
    return list(dict.fromkeys(found))


def _wanted(imprints: Sequence[Imprint], channel: str) -> Iterator[str]:
    if any(each.sender for each in imprints):
        yield "name"
    if any(each.contact for each in imprints):
        yield "contact"
    if channel == "email" and any(each.postal_address for each in imprints):
        yield "postal_address"


def _ended(content: Content, lines: list[str], link: str) -> Content:
    if isinstance(content, SmsContent):
        missing = [line for line in lines if line not in content.text]
        return replace(content, text="\n".join([content.text, *missing]))
    if not isinstance(content, EmailContent):
        return content
    missing = _unsaid(lines, content.text, link)
    text = "\n".join([content.text.rstrip("\n"), "", *missing, ""]) if missing else content.text
    html = content.html
    if html:
        plain = html if not link else html.replace(escape(link), link)
        unsaid = _unsaid(lines, plain, link, escaped=True)
        html = _html_ended(html, unsaid, link) if unsaid else html
    return replace(content, text=text, html=html)


def _unsaid(lines: list[str], text: str, link: str, *, escaped: bool = False) -> list[str]:
    """Give the lines that a text does not say; one with the link is said where the link is."""
    missing = []
    for line in lines:
        said = link if link and link in line else (escape(line) if escaped else line)
        if said not in text:
            missing.append(line)
    return missing


def _html_ended(html: str, lines: list[str], link: str) -> str:
    anchor = f'<a href="{escape(link)}">{escape(link)}</a>'
    said = [escape(line).replace(escape(link), anchor) if link else escape(line) for line in lines]
    block = f"<p>{'<br>'.join(said)}</p>"
    at = html.lower().rfind(_END_OF_BODY)
    return html + block if at < 0 else html[:at] + block + html[at:]
