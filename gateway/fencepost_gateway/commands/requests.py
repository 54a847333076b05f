"""What people asked for their data, as the gateway lists it."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from fencepost_gateway.commands.line import Key, Url
from fencepost_gateway.commands.operate import ask


def requests(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List who asked for a copy of their data or to be erased, and by when to answer."""
    found: list[dict[str, Any]] = []
    query = ""
    while True:
        answer = ask("GET", f"/v1/requests{query}", (url, key))
        found += answer["requests"]
        if answer["next"] is None:
            break
        query = f"?{urlencode({'after': answer['next']})}"
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for each in found:
        whose = each["user_id"] or each["person_id"]
        late = "  overdue" if each["overdue"] else ""
        print(f"{each['kind']}  {whose}  asked {each['asked_at']}  due {each['due_at']}{late}")
    print(f"{len(found)} asked")
