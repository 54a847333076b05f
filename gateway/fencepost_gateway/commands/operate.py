"""
Operator commands: lists of addresses, proofs, and what became of messages.

Thin, as the rest of the command line: each asks the gateway and prints.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from fencepost_gateway.commands.line import Key, Url
from fencepost_gateway.errors import StartError

ACTIONS = ("list", "add", "remove", "import", "export")
COLUMNS = ("channel", "ref", "reason", "source", "since")


def suppression(  # noqa: PLR0913 - one option each, as people type them
    action: Annotated[str, typer.Argument(help="list, add, remove, import or export.")],
    file: Annotated[Path | None, typer.Argument(help="With import: the CSV.")] = None,
    *,
    channel: Annotated[
        str, typer.Option(help="With add, remove: push, web_push, sms, email, webhook.")
    ] = "",
    address: Annotated[str, typer.Option(help="With add, remove: the address,")] = "",
    ref: Annotated[str, typer.Option(help="or its reference, as list shows it.")] = "",
    reason: Annotated[str, typer.Option(help="With add: why.")] = "manual",
    source: Annotated[str, typer.Option(help="With import: where it came from.")] = "import",
    allow: Annotated[
        bool, typer.Option("--allow", help="The allow list instead: whom alone may be sent to.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show, fill or mend the suppression list: addresses that must not be used, by reference."""
    if action not in ACTIONS:
        raise StartError(f"write `suppression {'|'.join(ACTIONS)}`")
    path = f"/v1/lists/{'allow' if allow else 'suppression'}"
    door = (url, key)
    if action in ("list", "export"):
        _show(_all(path, door), as_csv=action == "export")
    elif action == "import":
        _import(path, door, file, source)
    else:
        wish = {"channel": channel, "address": address, "ref": ref, "reason": reason}
        answer = ask("POST" if action == "add" else "DELETE", path, door, wish)
        known = action == "add" and not answer["new"]
        print(f"{answer['ref']}: {'listed already' if known else f'{action} done'}")


def send_proof(  # noqa: PLR0913 - one option each
    template: Annotated[str, typer.Argument(help="Id of the template.")],
    *,
    to: Annotated[str, typer.Option(help="Test person (user id) who gets it.")],
    channel: Annotated[str, typer.Option(help="in_app, push, web_push, sms, email or webhook.")],
    as_user: Annotated[str, typer.Option("--as", help="With whose facts; the receiver's.")] = "",
    place: Annotated[str, typer.Option(help="Fence that `place` means.")] = "",
    language: Annotated[str, typer.Option(help="Language, instead of the person's.")] = "",
    url: Url = None,
    key: Key = None,
) -> None:
    """Send a template to a test person as it would arrive; takes no slot, is in no report."""
    wish = {"template": template, "to": to, "channel": channel, "as_user": as_user}
    wish |= {"place": place, "language": language}
    answer = ask("POST", "/v1/proofs", (url, key), wish)
    print(f"under way; see: fencepost explain {answer['message_id']}")


def outcomes(  # noqa: PLR0913 - one option each
    *,
    campaign: Annotated[str, typer.Option(help="Only this campaign's.")] = "",
    begin: Annotated[
        str, typer.Option("--from", help="Made from.", show_default="7 days before the end")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Made before.", show_default="now")] = "",
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say how many messages went, wait, or did not go, and why; the sums add up."""
    from fencepost_gateway.decide.tongue import Tongue  # noqa: PLC0415 - as above
    from fencepost_gateway.reports.outcomes import tell_outcomes  # noqa: PLC0415

    wish = {"campaign": campaign, "from": begin, "to": end, "lang": lang}
    query = urlencode({name: value for name, value in wish.items() if value})
    answer = ask("GET", f"/v1/outcomes?{query}", (url, key))
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
        return
    for line in tell_outcomes(answer, Tongue("ko" if lang == "ko" else "en")):
        print(line)


def _import(path: str, door: tuple[str | None, str | None], file: Path | None, source: str) -> None:
    if file is None:
        raise StartError("suppression import takes a CSV with channel, and address or ref")
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{file}: cannot be read as UTF-8 ({type(error).__name__})") from None
    answer = ask("POST", f"{path}/import", door, {"text": text, "source": source})
    for bad in answer["bad"]:
        print(f"{file}:{bad['line']}: {bad['what']}; {bad['how']}")
    left_out = len(answer["bad"])
    print(f"{answer['added']} added, {answer['known']} listed already, {left_out} left out")


def _show(entries: list[dict[str, str]], *, as_csv: bool) -> None:
    if not as_csv:
        for each in entries:
            print("  ".join(each[column] for column in COLUMNS))
        print(f"{len(entries)} listed")
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    print(text.getvalue(), end="")


def _all(path: str, door: tuple[str | None, str | None]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    query = ""
    while True:
        answer = ask("GET", f"{path}{query}", door)
        found += answer["entries"]
        if answer["next"] is None:
            return found
        query = f"?{urlencode({'after': answer['next']})}"


def ask(method: str, path: str, door: tuple[str | None, str | None], body: Any = None) -> Any:
    """Ask the gateway at a door (URL and key); a refusal becomes one sentence."""
    from fencepost_gateway import remote  # noqa: PLC0415 - a command loads what it needs
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), *door)
    try:
        return remote.ask(method, f"{base}{path}", operator_key, body)
    except remote.RemoteError as error:
        problem = error.problem
        said = f"{problem.get('title')} {problem.get('detail', '')}".strip()
        raise StartError(said) from None
