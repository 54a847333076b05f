"""
Apply: a folder of documents is what is live of it; said before it is done.

Rule 1. What would change is asked first, and exactly that is published: if somebody else publishes
        in between, nothing happens and the question is asked anew.
Rule 2. Nothing is published without a yes, of a person or of ``--yes``.
Rule 3. A folder is known by its name, wherever it lies: checkouts of one repository are one folder.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from fencepost_gateway.commands.line import Key, Url, fail, fail_problem, show


def apply(  # noqa: PLR0913 - one option each, as people type them
    folder: Annotated[Path, typer.Argument(help="Folder of YAML and GeoJSON documents.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Only say what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for CI.")] = False,
    prune: Annotated[
        bool, typer.Option(help="Archive what came from this folder and is no longer in it.")
    ] = False,
    strict: Annotated[
        bool, typer.Option(help="Publish nothing, and fail, where there is drift.")
    ] = False,
    name: Annotated[
        str, typer.Option(help="Name of the folder.", show_default="its own name")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Publish documents on a running gateway: say what changes, ask, then all of it or nothing."""
    from fencepost_gateway import remote  # noqa: PLC0415 - a command loads what it needs
    from fencepost_gateway.documents.folder import files_in  # noqa: PLC0415
    from fencepost_gateway.reports.change_words import drifted, tell_changes  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    if as_json and not (yes or dry_run):
        fail("--json asks nothing: add --yes or --dry-run")
    base, operator_key = remote.address_of(read_settings(), url, key)
    wish = {
        "files": [{"path": each.path, "text": each.text} for each in files_in(folder)],
        "folder": name or folder.resolve().name,
        "prune": prune,
    }
    ask = partial(_ask, f"{base}/v1/documents", operator_key)
    answer = None
    while answer is None:
        plan = ask({**wish, "dry_run": True})
        if not as_json:
            show(plan, tell_changes(plan), as_json=False)
        if strict and (drift := drifted(plan)):
            how = "take it into the folder, or leave --strict out"
            fail(f"drift, so nothing was published: {', '.join(drift)}; {how}")
        if dry_run or not plan["changed"]:
            answer = plan
            break
        _confirm(len(plan["changed"]), yes=yes)
        answer = ask({**wish, "after": plan["revision"]})
    if as_json:
        show(answer, (), as_json=True)
    elif answer["applied"]:
        print(f"live from the next event on (revision {answer['revision']})")


def _ask(url: str, key: str, body: dict[str, Any]) -> Any:
    """Ask for a plan, or publish it; None when somebody else has published meanwhile (Rule 1)."""
    from fencepost_gateway import remote  # noqa: PLC0415

    try:
        return remote.ask("POST", url, key, body, remote.PUBLISHING_S)
    except remote.RemoteError as error:
        if error.problem.get("code") == "conflict" and "after" in body:
            print("somebody else has published meanwhile; once more:", file=sys.stderr)
            return None
        fail_problem(error.problem)


def _confirm(count: int, *, yes: bool) -> None:
    """Go on only after a yes (Rule 2)."""
    if yes:
        return
    if not is_terminal():
        fail("nothing was published: nobody is there to ask; add --yes, or --dry-run to only look")
    if not typer.confirm(f"Publish {'this change' if count == 1 else f'these {count} changes'}?"):
        fail("nothing was published")


def is_terminal() -> bool:
    """Say whether somebody can answer."""
    return sys.stdin.isatty()
