"""
Page: the frame of everything that people see of us through the link of a message.

Rule 1. A page is cached nowhere, loads nothing, runs nothing, is shown in no frame, sends its form
        nowhere else, and tells no other site where its reader comes from.
Rule 2. It is HTML as it stands: a main region, one heading, controls with labels of their own. It
        follows the reader's colours and text size, works by keyboard, and says nothing by colour
        alone (WCAG 2.2 AA).
Rule 3. Its language is the one asked for (``lang``, where that is spoken here: a link is never
        refused for it), else the best that the browser accepts, else the person's, else English;
        the other one is a link away.
Rule 4. What stands in it is escaped here: callers give text, never markup, but for ``body``.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from aiohttp import web

from fencepost_gateway.api.problems import RETRY_AFTER_S
from fencepost_gateway.api.surface import Handler
from fencepost_gateway.decide.tongue import LANGUAGES, Language, Said, language_of
from fencepost_gateway.errors import StoreUnavailableError

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f27; --soft: #4d5563; --page: #fff; --card: #f4f6f9;
  --line: #767f8e; --accent: #1a56c4; --on-accent: #fff;
  font: 1.0625rem/1.55 system-ui, "Apple SD Gothic Neo", "Noto Sans KR", sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ecf2; --soft: #b3bbc9; --page: #14171d;
  --card: #1f242d; --line: #8b95a5; --accent: #8ab4ff; --on-accent: #10151f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; color: var(--ink); background: var(--page); }
main { max-width: 38rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; overflow-wrap: anywhere; }
main.short { max-width: 28rem; min-height: 80vh; display: grid; align-content: center; gap: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; text-wrap: balance; }
h2, legend { font-size: 1.125rem; font-weight: 650; padding: 0; margin: 0 0 .25rem; }
p { margin: 0 0 .75rem; }
:lang(ko) { word-break: keep-all; }
a { color: var(--accent); text-underline-offset: .2em; }
.hint, .who { color: var(--soft); font-size: .9375rem; }
.who { margin-bottom: 1.5rem; }
fieldset, section { border: 0; margin: 0 0 1rem; padding: 1.1rem 1.15rem; background: var(--card);
  border-radius: .75rem; min-width: 0; }
legend { float: left; width: 100%; }
legend + * { clear: both; }
.row { display: grid; grid-template-columns: 1.5rem 1fr; gap: 0 .75rem; padding: .45rem 0;
  align-items: start; }
.row input { width: 1.5rem; height: 1.5rem; margin: .05rem 0 0; accent-color: var(--accent); }
.hint:last-child { margin-bottom: 0; }
.row .hint { grid-column: 2; margin: 0; }
.row.sub { margin-left: 2.25rem; }
.asked { padding: .45rem 0; margin: 0; }
.status { border-left: .3rem solid var(--accent); background: var(--card); padding: .9rem 1.1rem;
  margin: 0 0 1.25rem; border-radius: .25rem; }
.status p:last-child { margin: 0; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; }
button { font: inherit; font-weight: 600; min-height: 2.9rem; padding: .6rem 1.5rem;
  border: 2px solid var(--accent); border-radius: .6rem; cursor: pointer; background: var(--accent);
  color: var(--on-accent); }
button.plain { background: transparent; color: var(--accent); }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px; }
footer { margin-top: 1.5rem; font-size: .9375rem; }
footer a { display: inline-block; padding: .35rem 0; }
"""
STYLE_HASH = "sha256-" + b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'self'; "
    f"frame-ancestors 'none'; style-src '{STYLE_HASH}'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
TONGUES: Final[dict[Language, str]] = {"en": "English", "ko": "한국어"}
FOREIGN: Final = Said(
    "This link is not one of ours. Please open it as it stands in the message.",
    "올바르지 않은 링크입니다. 메시지에 있는 그대로 열어 주세요.",
)
_AWAY = Said(
    "We could not do this just now, and nothing was changed. Please try again in a minute.",
    "지금은 처리할 수 없어 아무것도 변경되지 않았습니다. 잠시 후 다시 시도해 주세요.",
)


def say(said: Said, language: Language) -> str:
    """Give a text in a language."""
    return said.ko if language == "ko" else said.en


def reader_language(request: web.Request, locale: str = "") -> Language:
    """Give the language of who reads a page (Rule 3); ``locale`` is the person's."""
    asked = request.query.get("lang", "")
    for language in LANGUAGES:
        if asked == language:
            return language
    accepted = request.headers.get("Accept-Language", "")
    named = {
        part.strip().partition(";")[0].lower().partition("-")[0] for part in accepted.split(",")
    }
    if locale and named.isdisjoint(LANGUAGES):
        return language_of(locale.replace("_", "-"))
    return language_of(accepted)


def page(
    title: str, body: str, language: Language, *, status: int = 200, is_short: bool = False
) -> web.Response:
    """Frame a page; ``body`` is markup, everything else is text."""
    short = ' class="short"' if is_short else ""
    other = next(each for each in LANGUAGES if each != language)
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main{short}>{body}"
        f'<footer><a href="?lang={other}" hreflang="{other}" lang="{other}">{TONGUES[other]}</a>'
        "</footer></main></body></html>"
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def notice(
    text: str, language: Language, *, status: int = 200, button: str = "", more: str = ""
) -> web.Response:
    """Give a page that says one thing, with a button perhaps; ``more`` is markup."""
    form = ""
    if button:
        form = f'<form method="post"><button type="submit">{escape(button)}</button></form>'
    body = f"<h1>{escape(text)}</h1>{form}{more}"
    return page(text, body, language, status=status, is_short=True)


def foreign(language: Language) -> web.Response:
    """Tell that a ticket is none of ours."""
    return notice(say(FOREIGN, language), language, status=404)


def link(href: str, text: str) -> str:
    """Give a paragraph with one link."""
    return f'<p><a href="{escape(href)}">{escape(text)}</a></p>'


def as_page(handler: Handler) -> Handler:
    """Let a person, too, be told that the store is away: nothing has been done, so 503."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except StoreUnavailableError:
            language = reader_language(request)
            answer = notice(say(_AWAY, language), language, status=503)
            answer.headers["Retry-After"] = str(RETRY_AFTER_S)
            return answer

    return guarded
