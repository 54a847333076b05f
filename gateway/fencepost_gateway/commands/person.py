"""``fencepost person``: everything that is known of somebody."""

from __future__ import annotations

from typing import Annotated

import typer

from fencepost_gateway.commands.line import Key, Url, fail, fail_problem, show


def person(  # noqa: PLR0913 - one parameter for each option
    user: Annotated[str, typer.Argument(help="User id.")] = "",
    *,
    email: Annotated[str, typer.Option(help="Whoever has this email address instead.")] = "",
    phone: Annotated[str, typer.Option(help="Whoever has this number instead.")] = "",
    person_id: Annotated[str, typer.Option("--person", help="A person id instead.")] = "",
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show a person: attributes, events, places, consent, channels, caps, newest decisions."""
    from fencepost_gateway import remote  # noqa: PLC0415 - a command loads what it needs
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    wish = {"user": user, "email": email, "phone": phone, "person": person_id}
    asked = {name: value for name, value in wish.items() if value}
    if len(asked) != 1:
        fail("person takes a user id, or one of --email, --phone and --person")
    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        found = remote.persons(base, operator_key, asked, lang)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    show(found, (line for one in found for line in one["words"]), as_json=as_json)
