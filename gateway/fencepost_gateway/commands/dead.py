"""Dead letters: messages and webhooks that were given up, and having them tried again."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import typer

from fencepost_gateway.commands.line import Key, Url
from fencepost_gateway.commands.operate import ask
from fencepost_gateway.errors import StartError

What = Literal["messages", "webhooks"]


def dead(  # noqa: PLR0913 - the options of a command
    what: Annotated[What, typer.Argument(help="`messages` or `webhooks`.")],
    *,
    redrive: Annotated[str, typer.Option(help="Try this one again: its id.")] = "",
    of: Annotated[
        str, typer.Option(help="Try those again of a campaign, or of a webhook's source.")
    ] = "",
    redrive_all: Annotated[bool, typer.Option("--redrive-all", help="Try all again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List what was given up through our side, or have it tried again."""
    path, door = f"/v1/{what}/dead", (url, key)
    if redrive or of or redrive_all:
        one, many = _names(what)
        wish = {one: redrive, many: of, "all": redrive_all}
        asked = {name: value for name, value in wish.items() if value}
        if len(asked) > 1:
            raise StartError("write one of --redrive, --of and --redrive-all")
        answer = ask("POST", f"{path}/redrive", door, asked)
        print(f"{answer['tried_again']} tried again")
        return
    found = _all(what, path, door)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for each in found:
        print(_line(what, each))
    print(f"{len(found)} given up")


def _names(what: What) -> tuple[str, str]:
    return ("message_id", "campaign_id") if what == "messages" else ("call_id", "source_id")


def _line(what: What, each: dict[str, Any]) -> str:
    if what == "messages":
        told = (each["message_id"], each["campaign_id"], ", ".join(each["channels"]))
        return "  ".join((*told, each["reason"], f"until {each['expires_at']}"))
    told = (each["call_id"], each["campaign_id"], each["source_id"])
    return "  ".join((*told, each["failure"], f"given up {each['given_up_at']}"))


def _all(what: What, path: str, door: tuple[str | None, str | None]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = ""
    while True:
        answer = ask("GET", f"{path}{query}", door)
        found += answer[what]
        if answer["next"] is None:
            return found
        query = f"?{urlencode({'after': answer['next']})}"
