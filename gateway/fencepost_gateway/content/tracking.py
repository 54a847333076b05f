"""
Tracking: links of a message that say they were followed, and a pixel that says it was opened.

No I/O; a ``Tracking`` keeps which hosts the authors of a template wrote. Off unless the template
says otherwise (``tracking``): a reader is not watched by default.

Rule 1. Rewritten are ``https`` links in the texts of email and SMS, and those of ``<a>`` in HTML,
        whose host the author wrote, in the template or a fragment. A host that a value of a person
        or an event brings along is not ours to vouch for: such a link stays as it is.
Rule 2. Links to the gateway itself (confirm, unsubscribe, preferences) are never rewritten.
Rule 3. One page has one number in a message, in text and HTML alike.
Rule 4. After rendering, before labels: whatever counts letters or segments counts those that leave.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fencepost_channels.message import Content, EmailContent, SmsContent
from fencepost_gateway.decide.plan import Plan, Template
from fencepost_gateway.intake.tracked_links import (
    NUMBER_MAX,
    LinkPlace,
    click_link,
    is_trackable,
    open_pixel,
)

KEPT_MAX: Final = 2_000
_TRAILING: Final = ".,;:!?'\"*_>]}"  # in a text these end a sentence, not an address
_IN_TEXT: Final = re.compile(r"https://[^\s<>\"]+", re.IGNORECASE)
_ANCHOR: Final = re.compile(
    r"""(<a(?:rea)?\b[^<>]*?\shref\s*=\s*)("[^"]*"|'[^']*'|[^\s"'<>]+)""", re.IGNORECASE
)
_WRITTEN: Final = re.compile(r"""https://([^\s/?#"'<>{}\\]+)(?=[/?#"'<>\s]|$)""", re.IGNORECASE)
_HOST: Final = re.compile(r"https://([^/?#]+)", re.IGNORECASE)
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)

Hosts = frozenset[str]


class Tracking:
    """Rewrites what templates want tracked."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._hosts: dict[tuple[str, int, int], Hosts] = {}

    def track(
        self, content: Content, plan: Plan, template: Template, message_id: str, channel: str
    ) -> Content:
        """Give the content of a channel with the links and the pixel that its template wants."""
        if not self._public_url or not isinstance(content, EmailContent | SmsContent):
            return content
        pages = _Pages(self, plan, template, LinkPlace(message_id, channel))
        if template.tracks_clicks:
            content = _linked(content, pages.rewrite)
        if template.tracks_opens and isinstance(content, EmailContent) and content.html:
            pixel = open_pixel(self._public_url, plan.seed, LinkPlace(message_id, channel))
            content = replace(content, html=_with_pixel(content.html, pixel))
        return content

    def leads(self, plan: Plan, template: Template, page: str) -> bool:
        """Say whether a link is to be rewritten (Rules 1 and 2)."""
        if not is_trackable(page) or page.startswith(f"{self._public_url}/"):
            return False
        found = _HOST.match(page)
        return found is not None and found[1].lower() in self._written(plan, template)

    def link(self, plan: Plan, at: LinkPlace, page: str) -> str:
        """Write the link that leads to a page."""
        return click_link(self._public_url, plan.seed, at, page)

    def _written(self, plan: Plan, template: Template) -> Hosts:
        key = (template.template_id, template.version, plan.revision)
        if key not in self._hosts:
            if len(self._hosts) >= KEPT_MAX:
                self._hosts.clear()
            self._hosts[key] = frozenset(hosts_in(plan, template))
        return self._hosts[key]


class _Pages:
    """The pages of one message, by number (Rule 3)."""

    def __init__(self, of: Tracking, plan: Plan, template: Template, at: LinkPlace) -> None:
        self._of = of
        self._plan = plan
        self._template = template
        self._at = at
        self._numbers: dict[str, int] = {}

    def rewrite(self, page: str) -> str:
        """Give what stands in the place of a link."""
        if not self._of.leads(self._plan, self._template, page):
            return page
        number = self._numbers.setdefault(page, len(self._numbers) + 1)
        if number > NUMBER_MAX:
            return page
        at = LinkPlace(self._at.message_id, self._at.channel, number)
        return self._of.link(self._plan, at, page)


def hosts_in(plan: Plan, template: Template) -> Iterator[str]:
    """Give the hosts that the authors of a template and of the fragments wrote."""
    texts: list[Any] = [template.sources, template.languages]
    texts += [each for f in plan.fragments.values() for each in (f.texts, f.languages)]
    for text in texts:
        for source in _strings(text):
            for found in _WRITTEN.finditer(source):
                yield found[1].rstrip(_TRAILING + ")").lower()


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _linked(content: EmailContent | SmsContent, rewrite: Callable[[str], str]) -> Content:
    if isinstance(content, SmsContent):
        return replace(content, text=_text_linked(content.text, rewrite))
    text = _text_linked(content.text, rewrite)
    return replace(content, text=text, html=_html_linked(content.html, rewrite))


def _text_linked(text: str, rewrite: Callable[[str], str]) -> str:
    def written(found: re.Match[str]) -> str:
        page = found[0].rstrip(_TRAILING)
        while page.endswith(")") and page.count(")") > page.count("("):
            page = page[:-1].rstrip(_TRAILING)
        return rewrite(page) + found[0][len(page) :]

    return _IN_TEXT.sub(written, text)


def _html_linked(text: str, rewrite: Callable[[str], str]) -> str:
    def written(found: re.Match[str]) -> str:
        page = html.unescape(found[2].strip("\"'")).strip()
        link = rewrite(page)
        return found[0] if link == page else f'{found[1]}"{html.escape(link)}"'

    return _ANCHOR.sub(written, text)


def _with_pixel(text: str, pixel: str) -> str:
    image = f'<img src="{html.escape(pixel)}" width="1" height="1" alt="">'
    ends = [*_BODY_END.finditer(text)]
    at = ends[-1].start() if ends else len(text)
    return text[:at] + image + text[at:]
