"""
Command line: ``fencepost`` and what it can do, from ``serve`` to ``explain``.

Thin: each command reads its arguments, calls one room, and prints. Every expected failure is one
message that says what, where and how to mend it, and exit code 1 (wrong usage: 2).
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import zoneinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from fencepost_gateway.commands import lab, operate, trial, upkeep
from fencepost_gateway.commands.apply import apply
from fencepost_gateway.commands.audiences import audiences
from fencepost_gateway.commands.backtest import backtest, history
from fencepost_gateway.commands.check import check
from fencepost_gateway.commands.dead import dead
from fencepost_gateway.commands.graph import graph
from fencepost_gateway.commands.journey import emergency_stop, journey
from fencepost_gateway.commands.line import Key, Url, fail, fail_problem, show
from fencepost_gateway.commands.person import person
from fencepost_gateway.commands.refusals import refusals
from fencepost_gateway.commands.requests import requests
from fencepost_gateway.commands.snippet import snippet
from fencepost_gateway.commands.tail import tail
from fencepost_gateway.errors import StartError
from fencepost_gateway.logs import set_up_logs

cli = typer.Typer(
    name="fencepost",
    help="Location-aware messaging: the gateway and its tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


cli.command()(check)
cli.command()(apply)
cli.command()(person)
cli.command()(lab.simulate)
cli.command()(lab.replay)
cli.command("try")(trial.try_)
cli.command()(trial.trial)
cli.command()(backtest)
cli.command()(history)
cli.command()(audiences)
cli.command()(graph)
cli.command()(snippet)
cli.command()(tail)
cli.command()(journey)
cli.command("emergency-stop")(emergency_stop)

cli.command()(operate.suppression)
cli.command()(refusals)
cli.command("send-proof")(operate.send_proof)
cli.command()(operate.outcomes)
cli.command()(requests)
cli.command()(dead)


def main() -> None:
    """Run the command line."""
    set_up_logs()
    zoneinfo.reset_tzpath(to=())  # the pinned tzdata, not whatever this machine has
    try:
        cli()
    except StartError as error:
        fail(str(error))


@cli.command()
def serve() -> None:
    """Run the gateway. Settings: environment FENCEPOST_… and fencepost.toml."""
    from fencepost_gateway.app import Gateway  # noqa: PLC0415 - a command loads what it needs
    from fencepost_gateway.app import serve as run  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    settings = read_settings()

    def ready(gateway: Gateway, port: int) -> None:
        gc.freeze()  # what is loaded by now stays, and need not be looked over again and again
        for path in gateway.credentials.made:
            print(f"made {path} (only you can read it)", flush=True)
        print(
            f"listening on http://{settings.host}:{port}, acknowledged events survive: "
            f"{gateway.store.ack_level}, data in {settings.data_dir}",
            flush=True,
        )

    async def until_signal() -> None:
        await run(settings, stop=_stop_on_signal(), ready=ready)

    asyncio.run(until_signal())


@cli.command()
def demo(
    people: Annotated[int, typer.Option(help="How many people walk.", min=1, max=50)] = 12,
    seed: Annotated[int, typer.Option(help="Which town is built.")] = 7,
    seconds: Annotated[int, typer.Option(help="End after so long; 0: at Ctrl-C.", min=0)] = 0,
    port: Annotated[int, typer.Option(help="Port of gateway and page; 0: any.")] = 8080,
) -> None:
    """Build a town, let people walk it through the real SDK, and show what the gateway decides."""
    from fencepost_gateway.demo.run import run_demo  # noqa: PLC0415

    async def until_signal() -> None:
        await run_demo(people, seed, port, seconds=seconds, stop=_stop_on_signal())

    asyncio.run(until_signal())


@cli.command()
def archive(kind: str, name: str, url: Url = None, key: Key = None) -> None:
    """Retire a document on a running gateway: `fencepost archive campaign yoga-greeting`."""
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        remote.ask("DELETE", f"{base}/v1/documents/{kind}/{name}", operator_key)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    print(f"archived {kind}/{name}")


@cli.command()
def keys(
    team: Annotated[str, typer.Argument(help="As `team:` of its libraries has it.")],
    *,
    revoke: Annotated[bool, typer.Option(help="Take the team's key away.")] = False,
) -> None:
    """Make the key of a team, which edits only fences of its own libraries; a former one ends."""
    from fencepost_gateway.commands.live import warn_unless_live  # noqa: PLC0415
    from fencepost_gateway.credentials import set_team_key  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    if key := set_team_key(settings.data_dir, team, revoke=revoke):
        warn_unless_live(settings, "team", team)
        print(key)
    print("in force when the gateway is started again", file=sys.stderr)


@cli.command()
def code(
    fence: Annotated[str, typer.Argument(help="Id of the fence it stands in.")],
    *,
    valid: Annotated[str, typer.Option(help="For how long: 30d, 12h.")] = "30d",
) -> None:
    """Print a signed code for a sign, tag or beacon; reading it checks a device in."""
    from fencepost_gateway.clock import SystemClock  # noqa: PLC0415
    from fencepost_gateway.commands.live import warn_unless_live  # noqa: PLC0415
    from fencepost_gateway.credentials import read_seed  # noqa: PLC0415
    from fencepost_gateway.decide.spans import parse_duration_ms  # noqa: PLC0415
    from fencepost_gateway.intake.codes import Code, write_code  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415
    from fencepost_geofence.members import is_fence_id  # noqa: PLC0415

    valid_ms = parse_duration_ms(valid)
    if valid_ms is None or not is_fence_id(fence):
        fail("code takes the id of a fence, and --valid a duration such as 30d or 12h")
    settings = read_settings()
    expires_s = (SystemClock().now_ms() + valid_ms) // 1000
    signed = write_code(read_seed(settings.data_dir), Code(fence, expires_s))
    warn_unless_live(settings, "fence", fence)
    print(signed)


@cli.command("import")
def import_(  # noqa: PLR0913 - one option each, as people type them
    files: Annotated[list[Path], typer.Argument(help="CSV, GeoJSON, KML or GPX files of places.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Only say what would change.")] = False,
    accept: Annotated[bool, typer.Option(help="Leave bad rows out and import the rest.")] = False,
    repair: Annotated[bool, typer.Option(help="Repair invalid polygons, and say how.")] = False,
    radius_m: Annotated[
        float | None, typer.Option(help="Radius of points that say none, metres.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The gateway's answer as it is, with every bad row.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Import fences on a running gateway: a verdict for each bad row, nothing half-done."""
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), url, key)
    wish = {"dry_run": dry_run, "accept": accept, "repair": repair, "radius_m": radius_m}
    try:
        answer = remote.import_fences(base, operator_key, files, wish)
    except remote.RemoteError as error:
        if as_json:
            show(error.problem, (), as_json=True)
            sys.exit(1)
        for line in remote.import_doubts(error.problem):
            print(line, file=sys.stderr)
        fail_problem(error.problem)
    show(answer, remote.import_lines(answer, accept=accept), as_json=as_json)


@cli.command()
def export(
    what: Annotated[str, typer.Argument(help="`fences`: there is nothing else to export yet.")],
    *,
    form: Annotated[str, typer.Option("--format", help="geojson or csv.")] = "geojson",
    url: Url = None,
    key: Key = None,
) -> None:
    """Write what is live to the standard output; importing it again changes nothing."""
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    if what != "fences" or form not in ("geojson", "csv"):
        fail("write `export fences`, with --format geojson or csv")
    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        text = remote.export_fences(base, operator_key, form)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    sys.stdout.buffer.write(text.encode())


@cli.command()
def explain(  # noqa: PLR0913 - one parameter for each option
    name: Annotated[str, typer.Argument(help="Id of a message, delivery, run or visit.")] = "",
    *,
    user: Annotated[str, typer.Option(help="What happened to this user instead.")] = "",
    campaign: Annotated[str, typer.Option(help="With --user: only this campaign or journey.")] = "",
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            help="With --user: begin, such as 2026-06-02T18:00, in the person's zone.",
            show_default="7 days before the end",
        ),
    ] = "",
    end: Annotated[str, typer.Option("--to", help="With --user: end.", show_default="now")] = "",
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    url: Url = None,
    key: Key = None,
) -> None:
    """Say why a message went or did not: one by its id, or all of a user's, and why none was."""
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    if bool(name) == bool(user):
        fail("explain takes an id, or --user with a user id")
    if name and (campaign or begin or end):
        fail("--campaign, --from and --to belong to --user")
    base, operator_key = remote.address_of(read_settings(), url, key)
    wish = {"user": user, "campaign": campaign, "from": begin, "to": end, "lang": lang}
    try:
        if name:
            lines = remote.explain(base, operator_key, name, lang)
        else:
            lines = remote.why(base, operator_key, wish)
        for line in lines:
            print(line)
    except remote.RemoteError as error:
        fail_problem(error.problem)


cli.command()(upkeep.proof)
cli.command()(upkeep.doctor)


@cli.command()
def health(
    fences: Annotated[list[str] | None, typer.Argument(help="Ids; all fences if none.")] = None,
    *,
    days: Annotated[int, typer.Option(help="How far back, in days.", min=1, max=31)] = 7,
    limit: Annotated[int, typer.Option(help="How many fences at most.", min=1, max=1000)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say which fences need mending, and how: too small, flapping, undecided, slow, doubled."""
    from fencepost_gateway.reports.health_words import tell_health  # noqa: PLC0415

    answer = _report("health", (url, key), fences or [], limit, days=days)
    show(answer, tell_health(answer, fences or []), as_json=as_json)


@cli.command()
def visits(  # noqa: PLR0913 - one option each, as people type them
    fences: Annotated[list[str] | None, typer.Argument(help="Ids; all fences if none.")] = None,
    *,
    days: Annotated[
        int, typer.Option(help="How many whole days, up to yesterday.", min=1, max=31)
    ] = 7,
    tag: Annotated[str, typer.Option(help="Only fences with this tag.")] = "",
    library: Annotated[str, typer.Option(help="Only fences of this library.")] = "",
    limit: Annotated[int, typer.Option(help="How many fences at most.", min=1, max=1000)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say how often fences are visited, by how many, how long and when; never of fewer than 10."""
    from fencepost_gateway.reports.visit_words import tell_visits  # noqa: PLC0415

    wish = {"tag": tag, "library": library}
    answer = _report("visits", (url, key), fences or [], limit, days=days, **wish)
    show(answer, tell_visits(answer, fences or []), as_json=as_json)


def _report(
    name: str,
    door: tuple[str | None, str | None],
    fences: list[str],
    limit: int,
    **wish: int | str,
) -> Any:
    """Ask the gateway at a door (URL and key) for a report of fences."""
    from fencepost_gateway import remote  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), *door)
    try:
        return remote.fence_report(base, operator_key, name, fences, limit, **wish)
    except remote.RemoteError as error:
        fail_problem(error.problem)


def _stop_on_signal() -> asyncio.Event:
    """Give an event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


if __name__ == "__main__":
    main()
