"""
``fencepost journey`` and ``fencepost emergency-stop``: steer what is live, see where people are.

Thin, as the rest of the command line: each asks the gateway and prints.
"""

from __future__ import annotations

import getpass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from fencepost_gateway.commands.line import Key, Url, fail, show
from fencepost_gateway.commands.operate import ask

ACTIONS: Final = ("list", "show", "pause", "resume", "close", "open", "stop", "rollback")

Note = Annotated[str, typer.Option(help="Why; kept with the act.")]
Who = Annotated[str, typer.Option("--as", help="Who acts.", show_default="whoever is logged in")]


def journey(  # noqa: PLR0913 - one option each, as people type them
    action: Annotated[str, typer.Argument(help=f"{', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}.")],
    name: Annotated[str, typer.Argument(help="Id of the journey or campaign.")] = "",
    *,
    discard: Annotated[
        bool, typer.Option("--discard", help="With pause: runs end, messages are withdrawn.")
    ] = False,
    to: Annotated[
        int | None, typer.Option(help="With rollback: version.", show_default="the one before")
    ] = None,
    days: Annotated[
        int, typer.Option(help="With list, show: counts of so many days; 0: all.", min=0, max=400)
    ] = 0,
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    note: Note = "",
    who: Who = "",
    url: Url = None,
    key: Key = None,
) -> None:
    """Steer a journey or campaign that is live, and see where people are in it."""
    from fencepost_gateway.decide.tongue import Tongue  # noqa: PLC0415 - loads what it needs
    from fencepost_gateway.reports import journey_words as words  # noqa: PLC0415

    if action not in ACTIONS or bool(name) == (action == "list"):
        fail("write `journey list`, or `journey show|pause|resume|close|open|stop|rollback ID`")
    path, door = f"/v1/journeys/{quote(name, safe='')}", (url, key)
    query = f"?{urlencode({'days': days})}" if days else ""
    if action == "list":
        answer = ask("GET", f"/v1/journeys{query}", door)
        show(answer, words.tell_journeys(answer), as_json=as_json)
        return
    if action == "show":
        answer = ask("GET", f"{path}{query}", door)
        tongue = Tongue("ko" if lang == "ko" else "en")
        show(answer, words.tell_journey(answer, tongue), as_json=as_json)
        return
    wish: dict[str, Any] = {"action": action, "note": note, "who": who or _me(), "to": to}
    wish["mode"] = "discard" if discard else "hold"
    answer = ask("POST", f"{path}/control", door, wish)
    show(answer, [_said(name, action, answer)], as_json=as_json)


def emergency_stop(
    switch: Annotated[str, typer.Argument(help="on: no marketing goes; off: it goes again.")],
    *,
    note: Note = "",
    who: Who = "",
    url: Url = None,
    key: Key = None,
) -> None:
    """Stop all marketing of the workspace from the next claim on, or let it go on."""
    if switch not in ("on", "off"):
        fail("write `emergency-stop on` or `emergency-stop off`")
    wish = {"on": switch == "on", "note": note, "who": who or _me()}
    ask("POST", "/v1/emergency-stop", (url, key), wish)
    print("no marketing goes" if switch == "on" else "marketing goes again")


def _said(name: str, action: str, answer: dict[str, Any]) -> str:
    if action == "rollback":
        if not answer["changed"]:
            return f"{name}: v{answer['version']} says that already"
        return f"{name}: live with the text of v{answer['text_of']}, as v{answer['version']}"
    mode = f" ({answer['mode']})" if answer["mode"] else ""
    if not answer["changed"]:
        return f"{name}: {answer['state']}{mode} already"
    return f"{name}: {answer['state']}{mode}, was {answer['was']}"


def _me() -> str:
    """Name who is logged in, as far as that is one plain word; empty: nobody can say."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return ""
    return name[:64] if name.isprintable() else ""
