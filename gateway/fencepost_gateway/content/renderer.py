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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from liquid.exceptions import OutputStreamLimitError, UndefinedError
from msgspec import Struct

from fencepost_channels.message import (
    Button,
    Content,
    EmailContent,
    InAppContent,
    SmsContent,
    WebPushContent,
)
from fencepost_gateway.content import language, links
from fencepost_gateway.content.budget import (
    BudgetedTemplate,
    BudgetExceededError,
    missing_name,
)
from fencepost_gateway.decide.plan import Template

KEPT_MAX: Final = 2_000
_NOT_LIQUID: Final = frozenset({"layout"})
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "in_app": ("body",),
    "web_push": ("title",),
    "sms": ("text",),
    "email": ("subject", "text"),
}
_ONE_LINE: Final = frozenset({"title", "subject"})


class RenderProblem(Struct, frozen=True):
    """
    Why there is no content.

    Attributes:
        code: ``render_missing`` or ``render_failed``.
        member: The missing value for the first, the member of the template for the second.
        detail: For ``render_failed``: ``budget``, ``blank``, ``link``, ``syntax`` or ``value``.

    """

    code: str
    member: str
    detail: str = ""


class _Failed(Exception):  # noqa: N818 - carries a value across frames, never leaves this module
    def __init__(self, problem: RenderProblem) -> None:
        self.problem = problem


class _Parsed(Struct, frozen=True):
    sources: dict[str, Any]
    members: dict[str, BudgetedTemplate | str]
    buttons: tuple[dict[str, BudgetedTemplate], ...]


class Renderer:
    """Renders templates, and keeps what it has parsed."""

    def __init__(self) -> None:
        self._environments = {
            "withhold": language.environments(language.WITHHOLDING),
            "default": language.environments(language.LENIENT),
        }
        self._kept: dict[tuple[str, int, str], _Parsed | RenderProblem] = {}

    def render(
        self, template: Template, channel: str, scope: Mapping[str, Any]
    ) -> Content | RenderProblem:
        """
        Render the content of one channel.

        Args:
            template: The template.
            channel: One of the channels it has content for.
            scope: What ``scope.scope_for`` laid out.

        """
        parsed = self._parsed(template, channel)
        if isinstance(parsed, RenderProblem):
            return parsed
        try:
            return _contents[channel](_Rendering(parsed, channel, scope))
        except _Failed as failed:
            return failed.problem

    def _parsed(self, template: Template, channel: str) -> _Parsed | RenderProblem:
        key = (template.template_id, template.version, channel)
        sources = template.sources.get(channel)
        if sources is None:
            return RenderProblem("render_failed", channel, "no_content")
        kept = self._kept.get(key)
        if isinstance(kept, _Parsed) and kept.sources == sources:
            return kept
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        made = self._parse(template, channel, sources)
        self._kept[key] = made
        return made

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
            member = "buttons"
            buttons = tuple(
                {name: language.parse(environments.plain, source) for name, source in each.items()}
                for each in sources.get("buttons", ())
            )
        except language.ParseError:
            return RenderProblem("render_failed", f"{channel}.{member}", "syntax")
        return _Parsed(sources, members, buttons)


class _Rendering:
    """One rendering of one channel."""

    def __init__(self, parsed: _Parsed, channel: str, scope: Mapping[str, Any]) -> None:
        self.parsed = parsed
        self.channel = channel
        self.scope = scope

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
            made.append(Button(text, self._allowed(link, source, member)))
        return tuple(made)

    def _allowed(self, link: str, source: str, member: str) -> str:
        if not links.is_allowed(link, source):
            raise _Failed(self._failure(member, "link"))
        return link

    def _render(self, template: BudgetedTemplate, member: str) -> str:
        try:
            return template.render(self.scope)
        except UndefinedError as error:
            raise _Failed(RenderProblem("render_missing", missing_name(error))) from None
        except (BudgetExceededError, OutputStreamLimitError, RecursionError):
            raise _Failed(self._failure(member, "budget")) from None
        except Exception:  # noqa: BLE001 - filters raise what Python raises for odd values
            raise _Failed(self._failure(member, "value")) from None

    def _failure(self, member: str, detail: str) -> RenderProblem:
        return RenderProblem("render_failed", f"{self.channel}.{member}", detail)


def _in_app(r: _Rendering) -> Content:
    layout = r.text("layout") or "banner"
    return InAppContent(r.text("body"), r.text("title"), layout, r.buttons())


def _web_push(r: _Rendering) -> Content:
    return WebPushContent(r.text("title"), r.text("body"), r.link("link"))


def _sms(r: _Rendering) -> Content:
    return SmsContent(r.text("text"))


def _email(r: _Rendering) -> Content:
    return EmailContent(r.text("subject"), r.text("text"), r.html())


_contents: Final[Mapping[str, Callable[[_Rendering], Content]]] = {
    "in_app": _in_app,
    "web_push": _web_push,
    "sms": _sms,
    "email": _email,
}
