"""
Refusals command: what people wrote back that was no fixed word, for somebody to look at.

Thin, as the rest of the command line: it asks the gateway and prints.
"""

from __future__ import annotations

from typing import Annotated

import typer

from fencepost_gateway.commands.line import Key, Url
from fencepost_gateway.commands.operate import ask
from fencepost_gateway.errors import StartError


def refusals(
    action: Annotated[str, typer.Argument(help="list, or looked-at.")] = "list",
    refusal_id: Annotated[str, typer.Argument(help="With looked-at: which.")] = "",
    *,
    stop: Annotated[
        bool, typer.Option("--stop", help="With looked-at: it is a STOP; obey it.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show what people wrote back that may be a no, and say that you have looked at it."""
    if action == "list":
        found = ask("GET", "/v1/refusals?limit=1000", (url, key))["refusals"]
        for each in found:
            came = "obeyed" if each["reason"] else "nothing changed"
            print(f"{each['id']}  {each['at']}  {each['channel']}  {came}: {each['text']}")
        print(f"{len(found)} to look at")
        return
    if action != "looked-at" or not refusal_id:
        raise StartError("write `refusals`, or `refusals looked-at ID`, with --stop if it is one")
    answer = ask("POST", "/v1/refusals/looked-at", (url, key), {"id": refusal_id, "stop": stop})
    print(f"{answer['id']}: {'stopped' if answer['stopped'] else 'nothing changed'}")
