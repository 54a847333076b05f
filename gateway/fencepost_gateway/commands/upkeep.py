"""
Upkeep: the commands that look at the data folder itself, whether or not a gateway serves it.

``proof`` tells and verifies the chain of consent proofs, ``doctor`` looks the installation over.
Thin, as ``__main__`` is, which takes them in.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from msgspec import to_builtins

from fencepost_gateway.commands.line import fail


def proof(
    *,
    user: Annotated[str, typer.Option(help="Only of this user.")] = "",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check the whole chain and its signed heads instead."),
    ] = False,
) -> None:
    """Tell who consented to what and how, or check that no proof of it was changed."""
    from fencepost_gateway.decide.ids import person_id_of_user  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.reports.proof_words import tell_proof  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415
    from fencepost_gateway.stores.sqlite_proofs import read_proofs  # noqa: PLC0415

    settings = read_settings()
    if verify:
        _verify()
        return
    person_id = person_id_of_user(settings.workspace, user) if user else ""
    count = 0
    for count, row in enumerate(read_proofs(settings.data_dir, person_id), 1):  # noqa: B007 - asked below
        print(tell_proof(row))
    if not count:
        whom = f" of {user}: user ids are compared letter by letter" if user else ""
        print(f"no proof is on record{whom}", file=sys.stderr)


def _verify() -> None:
    from fencepost_gateway.credentials import read_proof_key  # noqa: PLC0415
    from fencepost_gateway.decide import proof as chain  # noqa: PLC0415
    from fencepost_gateway.reports.proof_words import tell_verified  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415
    from fencepost_gateway.stores.sqlite_proofs import read_heads, read_proofs  # noqa: PLC0415

    folder = read_settings().data_dir
    heads = read_heads(folder)
    key = read_proof_key(folder) if heads else None
    found = chain.verify(read_proofs(folder), heads, key.is_signed if key else lambda _: False)
    if not found.is_whole:
        fail(tell_verified(found))
    print(tell_verified(found))
    if key is not None:
        print(f"signed by ed25519 {key.public}")


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All findings as JSON.")] = False,
) -> None:
    """Look the installation over and say what to do; exit code 1 if something is wrong."""
    from fencepost_gateway.clock import SystemClock  # noqa: PLC0415
    from fencepost_gateway.doctor import examine  # noqa: PLC0415
    from fencepost_gateway.reports.lines import counted  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    found = list(examine(read_settings(), SystemClock().now_ms()))
    if as_json:
        print(json.dumps(to_builtins(found), ensure_ascii=False, indent=1))
    else:
        for each in found:
            print(f"{each.state:8} {each.check}: {each.says}")
            if each.do:
                print(f"{'':8}   {each.do}")
    errors = sum(each.state == "error" for each in found)
    warnings = sum(each.state == "warning" for each in found)
    if not as_json:
        print(f"{counted(errors, 'error')}, {counted(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)
