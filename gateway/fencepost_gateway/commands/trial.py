"""
Trial commands: try documents in a running gateway before they are live.

Thin, as the rest of the command line: each asks the gateway and prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from fencepost_gateway.commands.line import Key, Url, fail, fail_problem, show


def try_(
    folder: Annotated[Path, typer.Argument(help="Folder of YAML and GeoJSON documents.")],
    *,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="For everybody but test persons, deciding only.")
    ] = False,
    waits: Annotated[
        int | None,
        typer.Option(help="A wait lasts at most so many seconds.", show_default="as long as it is"),
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put campaigns and journeys on trial: they run for test persons, and nothing is sent."""
    from fencepost_gateway.documents.folder import files_in  # noqa: PLC0415 - loads what it needs

    body = {
        "files": [{"path": each.path, "text": each.text} for each in files_in(folder)],
        "mode": "shadow" if shadow else "draft",
        "shorten_s": waits,
    }
    answer = _ask("POST", "/v1/trial", (url, key), body)
    for each in answer["documents"]:
        print(f"on trial: {each['kind']}/{each['id']}")
    whom = "everybody but test persons" if shadow else "test persons"
    print(f"trial {answer['number']} runs for {whom}; see: fencepost trial")


def trial(  # noqa: PLR0913 - one option each, as people type them
    user: Annotated[str, typer.Argument(help="A test person: their steps and messages.")] = "",
    *,
    react: Annotated[
        str, typer.Option(help="With a test person: displayed, clicked or dismissed.")
    ] = "",
    message: Annotated[str, typer.Option(help="With --react: id of the message shown.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End the trial; nothing is left.")] = False,
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show what came of the trial: for everybody in sums, for a test person step by step."""
    if bool(react) != bool(message) or (react and not user):
        fail("--react goes with a test person and --message ID")
    if end and user:
        fail("--end ends the trial for everybody: leave the test person out")
    if react:
        body = {"user_id": user, "message_id": message, "what": react}
        _ask("POST", "/v1/trial/reactions", (url, key), body)
        print(f"{user} {react} it; see: fencepost trial {user}")
    elif end:
        _ask("DELETE", "/v1/trial", (url, key))
        print("nothing is on trial")
    else:
        path = f"/v1/trial/persons/{quote(user, safe='')}" if user else "/v1/trial"
        answer = _ask("GET", f"{path}?lang={'ko' if lang == 'ko' else 'en'}", (url, key))
        show(answer, answer["words"], as_json=as_json)


def _ask(method: str, path: str, door: tuple[str | None, str | None], body: Any = None) -> Any:
    from fencepost_gateway import remote  # noqa: PLC0415 - a command loads what it needs
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), *door)
    try:
        return remote.ask(method, f"{base}{path}", operator_key, body)
    except remote.RemoteError as error:
        fail_problem(error.problem)
