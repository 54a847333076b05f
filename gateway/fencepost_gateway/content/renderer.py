"""
Renderer: template and person become content, or the reason why not.

Deterministic and without I/O; a ``Renderer`` keeps what it has parsed, so the caller makes one and
keeps it. What it gives is final text: labels come later, drivers add transport only.

Rule 1. Parsed once for each template version and channel, within the budget (``budget``).
Rule 2. Only email HTML is HTML: there values are escaped. Everywhere else text is text.
Rule 3. Values are data: markup and Liquid inside them print as they are, never rendered again.
Rule 4. A missing value withholds (``render_missing``, with its name) unless the template says
        ``missing: default``; then it prints nothing. A required member that comes out blank
        withholds in both.
Rule 5. Titles and subjects are one line.
Rule 6. Nothing of the text stands in a problem: code, member, and a word about the kind of fault.
Rule 7. A fragment is the published one of the rendering's own moment, in the language that was
        chosen for the channel. It too is parsed once for each of its versions.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from liquid import Environment
from liquid.exceptions import (
    ContextDepthError,
    OutputStreamLimitError,
    TemplateNotFoundError,
    UndefinedError,
)
from msgspec import Struct

from fencepost_channels.message import (
    Button,
    Content,
    EmailContent,
    InAppContent,
    PushContent,
    SmsContent,
    WebhookContent,
    WebPushContent,
)
from fencepost_gateway.content import language, links, variants
from fencepost_gateway.content.budget import (
    BudgetedTemplate,
    BudgetExceededError,
    FragmentSource,
    missing_name,
)
from fencepost_gateway.content.fragments import names_in
from fencepost_gateway.decide.plan import Fragment, Template
from fencepost_gateway.decide.spans import parse_duration_ms

KEPT_MAX: Final = 2_000
NO_FRAGMENTS: Final[Mapping[str, Fragment]] = {}
_NOT_LIQUID: Final = frozenset({"layout", "show", "expires", "sound"})
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "in_app": ("body",),
    "push": ("title",),
    "web_push": ("title",),
    "sms": ("text",),
    "email": ("subject", "text"),
    "webhook": ("title",),
}
_ONE_LINE: Final = frozenset({"title", "subject", "preheader"})
_BODY: Final = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_PREHEADER: Final = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{}</div>'


class RenderProblem(Struct, frozen=True):
    """
    Why there is no content.

    Attributes:
        code: ``render_missing`` or ``render_failed``.
        member: The missing value for the first, the member of the template for the second.
        detail: For ``render_failed``: ``budget``, ``blank``, ``fragment``, ``link``, ``syntax`` or
            ``value``.

    """

    code: str
    member: str
    detail: str = ""


class _Failed(Exception):  # noqa: N818 - carries a value across frames, never leaves this module
    def __init__(self, problem: RenderProblem) -> None:
        self.problem = problem


class Outline(Struct, frozen=True):
    """
    What one channel will be made of, known before anybody is looked up.

    Attributes:
        language: The variant, empty where the template names no language.
        roots: Everything the template and its fragments name: ``person``, ``nearest`` and so on.
        fragments: The fragments with their versions: ``footer v2``.

    """

    language: str
    roots: frozenset[str]
    fragments: tuple[str, ...]


class _Parsed(Struct, frozen=True):
    sources: dict[str, Any]
    members: dict[str, BudgetedTemplate | str]
    buttons: tuple[dict[str, BudgetedTemplate], ...]
    media: tuple[BudgetedTemplate, ...]
    roots: frozenset[str]
    renders: tuple[str, ...]


class Renderer:
    """Renders templates, and keeps what it has parsed."""

    def __init__(self) -> None:
        self._environments = {
            "withhold": language.environments(language.WITHHOLDING),
            "default": language.environments(language.LENIENT),
        }
        self._kept: dict[tuple[str, int, str, str], _Parsed | RenderProblem] = {}
        self._fragments: dict[tuple[str, Environment], BudgetedTemplate | None] = {}

    def outline(
        self,
        template: Template,
        channel: str,
        fragments: Mapping[str, Fragment] = NO_FRAGMENTS,
        locale: str = "",
    ) -> Outline | RenderProblem:
        """Say what a channel will be made of."""
        variant = variants.choose(template, channel, locale)
        if variant is None:
            return RenderProblem("render_failed", channel, "no_content")
        parsed = self._parsed(template, channel, variant)
        if isinstance(parsed, RenderProblem):
            return parsed
        used = _reached(parsed.renders, fragments, variant.language)
        environment = self._environments[template.missing].plain
        roots = set(parsed.roots)
        for name in used:
            ask = self._fragment_source(fragments, variant.language)
            found = ask(environment, name)
            roots |= language.roots_of(found) if found is not None else frozenset()
        told = tuple(f"{name} v{fragments[name].version}" for name in used if name in fragments)
        return Outline(variant.language, frozenset(roots), told)

    def render(
        self,
        template: Template,
        channel: str,
        scope: Mapping[str, Any],
        fragments: Mapping[str, Fragment] = NO_FRAGMENTS,
        locale: str = "",
    ) -> Content | RenderProblem:
        """
        Render the content of one channel.

        Args:
            template: The template.
            channel: One of the channels it has content for.
            scope: What ``scope.scope_for`` laid out.
            fragments: The published fragments by id.
            locale: The person's, such as ``pt-BR``.

        """
        variant = variants.choose(template, channel, locale)
        if variant is None:
            return RenderProblem("render_failed", channel, "no_content")
        parsed = self._parsed(template, channel, variant)
        if isinstance(parsed, RenderProblem):
            return parsed
        ask = self._fragment_source(fragments, variant.language)
        try:
            return _contents[channel](_Rendering(parsed, channel, scope, ask, variant.locale))
        except _Failed as failed:
            return failed.problem

    def _parsed(
        self, template: Template, channel: str, variant: variants.Variant
    ) -> _Parsed | RenderProblem:
        key = (template.template_id, template.version, channel, variant.language)
        kept = self._kept.get(key)
        if isinstance(kept, _Parsed) and kept.sources == variant.sources:
            return kept
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        made = self._parse(template, channel, variant.sources)
        self._kept[key] = made
        return made

    def _fragment_source(self, fragments: Mapping[str, Fragment], spoken: str) -> FragmentSource:
        """Give the way to a published fragment in a language, parsed once for each text."""

        def ask(environment: Environment, name: str) -> BudgetedTemplate | None:
            fragment = fragments.get(name)
            if fragment is None:
                return None
            is_html = environment.autoescape
            text = variants.fragment_text(fragment, spoken, is_html=is_html)
            key = (text, environment)
            if key not in self._fragments:
                if len(self._fragments) >= KEPT_MAX:
                    self._fragments.clear()
                self._fragments[key] = _parsed_or_none(environment, text, name)
            return self._fragments[key]

        return ask

    def _parse(
        self, template: Template, channel: str, sources: dict[str, Any]
    ) -> _Parsed | RenderProblem:
        environments = self._environments[template.missing]
        members: dict[str, BudgetedTemplate | str] = {}
        member = ""
        try:
            for member, source in sources.items():
                if member in _NOT_LIQUID:
                    members[member] = source
                elif isinstance(source, str):
                    is_html = (channel, member) == ("email", "html")
                    environment = environments.html if is_html else environments.plain
                    members[member] = language.parse(environment, source)
            for name, source in sources.get("data", {}).items():
                member = f"data.{name}"
                members[member] = language.parse(environments.plain, source)
            member = "buttons"
            buttons = tuple(
                {
                    name: language.parse(environments.plain, source)
                    for name, source in each.items()
                    if name != "id"
                }
                for each in sources.get("buttons", ())
            )
            member = "media"
            media = tuple(
                language.parse(environments.plain, each) for each in sources.get("media", ())
            )
        except language.ParseError:
            return RenderProblem("render_failed", f"{channel}.{member}", "syntax")
        parts = [each for each in members.values() if isinstance(each, BudgetedTemplate)]
        parts += [*(each for button in buttons for each in button.values()), *media]
        try:
            roots = frozenset(root for each in parts for root in language.roots_of(each))
        except RecursionError:
            return RenderProblem("render_failed", channel, "syntax")
        renders = tuple(name for text in _texts(sources) for name in names_in(text))
        return _Parsed(sources, members, buttons, media, roots, renders)


def _parsed_or_none(environment: Environment, text: str, name: str) -> BudgetedTemplate | None:
    try:
        return language.parse(environment, text, name)
    except language.ParseError:
        return None


def _texts(sources: Mapping[str, Any]) -> Iterator[str]:
    """Give every text of a channel, those of its buttons and data too."""
    for source in sources.values():
        if isinstance(source, str):
            yield source
    yield from sources.get("data", {}).values()
    for button in sources.get("buttons", ()):
        yield from (source for source in button.values() if isinstance(source, str))
    yield from sources.get("media", ())


def _reached(
    names: Iterable[str], fragments: Mapping[str, Fragment], spoken: str
) -> tuple[str, ...]:
    """Give the fragments that are rendered, directly and through others, each once."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in fragments:
            for is_html in (False, True):
                text = variants.fragment_text(fragments[name], spoken, is_html=is_html)
                waiting += names_in(text)
    return tuple(sorted(found))


class _Rendering:
    """One rendering of one channel."""

    def __init__(
        self,
        parsed: _Parsed,
        channel: str,
        scope: Mapping[str, Any],
        fragment: FragmentSource,
        locale: str,
    ) -> None:
        self.parsed = parsed
        self.channel = channel
        self.scope = scope
        self.fragment = fragment
        self.locale = locale

    def text(self, member: str) -> str:
        """Give a rendered member, empty when the template lacks it."""
        found = self.parsed.members.get(member, "")
        if isinstance(found, str):
            return found
        text = self._render(found, member).strip()
        if member in _ONE_LINE:
            text = " ".join(text.split())
        if not text and member in _REQUIRED[self.channel]:
            raise _Failed(self._failure(member, "blank"))
        return text

    def link(self, member: str) -> str:
        """Give a rendered link that may be sent."""
        return self._allowed(self.text(member), self.parsed.sources.get(member, ""), member)

    def image(self, member: str) -> str:
        """Give the rendered address of a picture, which is fetched as soon as it is drawn."""
        link = self.link(member)
        if link and not link.lower().startswith("https://"):
            raise _Failed(self._failure(member, "link"))
        return link

    def html(self) -> str:
        """Give the rendered HTML whose addresses may all be sent."""
        text = self.text("html")
        if not links.html_is_allowed(text):
            raise _Failed(self._failure("html", "link"))
        return text

    def buttons(self) -> tuple[Button, ...]:
        """Give the rendered buttons."""
        made = []
        for number, button in enumerate(self.parsed.buttons):
            member = f"buttons.{number}"
            source = self.parsed.sources["buttons"][number].get("link", "")
            link = self._render(button["link"], member).strip() if "link" in button else ""
            text = " ".join(self._render(button["text"], member).split())
            if not text:
                raise _Failed(self._failure(member, "blank"))
            name = self.parsed.sources["buttons"][number].get("id") or str(number + 1)
            made.append(Button(text, self._allowed(link, source, member), name))
        return tuple(made)

    def media(self) -> tuple[str, ...]:
        """Give the rendered links to pictures."""
        sources, made = self.parsed.sources.get("media", ()), []
        for number, (source, each) in enumerate(zip(sources, self.parsed.media, strict=True)):
            member = f"media.{number}"
            link = self._allowed(self._render(each, member).strip(), source, member)
            if not link.startswith("https://"):
                raise _Failed(self._failure(member, "link"))
            made.append(link)
        return tuple(made)

    def _allowed(self, link: str, source: str, member: str) -> str:
        if not links.is_allowed(link, source):
            raise _Failed(self._failure(member, "link"))
        return link

    def _render(self, template: BudgetedTemplate, member: str) -> str:
        try:
            return template.write(self.scope, self.fragment, self.locale)
        except UndefinedError as error:
            raise _Failed(RenderProblem("render_missing", missing_name(error))) from None
        except (
            BudgetExceededError,
            ContextDepthError,
            OutputStreamLimitError,
            RecursionError,
        ):
            raise _Failed(self._failure(member, "budget")) from None
        except TemplateNotFoundError:
            raise _Failed(self._failure(member, "fragment")) from None
        except Exception:  # noqa: BLE001 - filters raise what Python raises for odd values
            raise _Failed(self._failure(member, "value")) from None

    def _failure(self, member: str, detail: str) -> RenderProblem:
        return RenderProblem("render_failed", f"{self.channel}.{member}", detail)


def _in_app(r: _Rendering) -> Content:
    said = r.parsed.sources
    return InAppContent(
        body=r.text("body"),
        title=r.text("title"),
        layout=r.text("layout") or "banner",
        buttons=r.buttons(),
        image=r.image("image"),
        show=_shown(said.get("show", "once")),
        is_pinned=bool(said.get("pinned")),
        while_inside=bool(said.get("while_inside")),
        expires_ms=parse_duration_ms(said.get("expires") or ""),
    )


def _shown(written: str | Mapping[str, Any]) -> dict[str, object]:
    """Give how often a device shows a message, as the wire says it."""
    if isinstance(written, str):
        return {"frequency": written}
    per_ms = parse_duration_ms(written["per"]) or 0
    return {"frequency": "times", "times": written["times"], "per_s": per_ms // 1000}


def _push(r: _Rendering) -> Content:
    sources = r.parsed.sources
    return PushContent(
        r.text("title"),
        r.text("body"),
        r.link("link"),
        r.link("image"),
        _data(r),
        sources.get("badge"),
        r.text("sound"),
    )


def _data(r: _Rendering) -> dict[str, str]:
    return {name: r.text(f"data.{name}") for name in r.parsed.sources.get("data", ())}


def _web_push(r: _Rendering) -> Content:
    return WebPushContent(r.text("title"), r.text("body"), r.link("link"))


def _webhook(r: _Rendering) -> Content:
    return WebhookContent(r.text("title"), r.text("body"), r.link("link"), _data(r))


def _sms(r: _Rendering) -> Content:
    return SmsContent(r.text("text"), r.media())


def _email(r: _Rendering) -> Content:
    page, preheader = r.html(), r.text("preheader")
    if page and preheader:
        page = _with_preheader(page, preheader)
    return EmailContent(r.text("subject"), r.text("text"), page)


def _with_preheader(page: str, preheader: str) -> str:
    """Put a line before everything that is seen: lists of mails show it, the mail does not."""
    body = _BODY.search(page)
    at = body.end() if body else 0
    return page[:at] + _PREHEADER.format(html.escape(preheader)) + page[at:]


_contents: Final[Mapping[str, Callable[[_Rendering], Content]]] = {
    "in_app": _in_app,
    "push": _push,
    "web_push": _web_push,
    "sms": _sms,
    "email": _email,
    "webhook": _webhook,
}
