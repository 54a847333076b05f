"""``fencepost tail``: one person or device as it happens, until Ctrl-C."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from fencepost_gateway.commands.line import Key, Url, fail
from fencepost_gateway.commands.operate import ask

WAIT_S: Final = 25


def tail(  # noqa: PLR0913 - one option each, as people type them
    *,
    user: Annotated[str, typer.Option(help="User id.")] = "",
    person: Annotated[str, typer.Option(help="A person id instead.")] = "",
    device: Annotated[str, typer.Option(help="Only what this device of theirs told.")] = "",
    last: Annotated[int, typer.Option(help="How much of before to show.", min=0, max=100)] = 10,
    follow: Annotated[bool, typer.Option(help="Go on with what happens from now on.")] = True,
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON record a line.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Watch a person or device live: events, transitions, decisions; no position, no address."""
    if bool(user) == bool(person):
        fail("tail takes --user or --person")
    wish = {"user": user, "person": person, "device": device, "lang": lang}
    asked: dict[str, Any] = {name: value for name, value in wish.items() if value}
    answer = _told(asked | {"last": last}, (url, key), as_json=as_json)
    try:
        while follow:
            more = {"after": answer["cursor"], "wait": WAIT_S}
            answer = _told(asked | more, (url, key), as_json=as_json)
    except KeyboardInterrupt:
        return


def _told(asked: dict[str, Any], door: tuple[str | None, str | None], *, as_json: bool) -> Any:
    answer = ask("GET", f"/v1/tail?{urlencode(asked)}", door)
    for line in _lines(answer["happened"], as_json=as_json):
        print(line, flush=True)
    return answer


def _lines(happened: list[dict[str, Any]], *, as_json: bool) -> Iterable[str]:
    for each in happened:
        if as_json:
            yield json.dumps(each, ensure_ascii=False)
            continue
        first, *more = each["words"]
        yield f"{each['at']}  {first}"
        yield from (f"  {line}" for line in more)
