"""
Make the reference: pages that are written from the source, never by hand.

``make docs`` writes them, ``make check`` (``--check``) says which differ from what is committed.
A page is a function of this file's ``PAGES``; what has no line on its page does not exist.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
import tomllib
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from unittest import mock

import typer.main
from prometheus_client.metrics import MetricWrapperBase
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import PydanticUndefined

from fencepost_channels.driver import DriverSpec
from fencepost_channels.registry import load_drivers
from fencepost_gateway.__main__ import cli
from fencepost_gateway.api.openapi import describe
from fencepost_gateway.api.table import ROUTES
from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.documents import reference
from fencepost_gateway.documents.kinds import MODELS
from fencepost_gateway.documents.models.awaited import named_or_one
from fencepost_gateway.documents.models.base import as_list
from fencepost_gateway.documents.rule_schema import rule_definitions
from fencepost_gateway.errors import ERRORS
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.reports.never_words import NEVER
from fencepost_gateway.settings import ChannelSettings, Settings

ROOT = Path(__file__).resolve().parents[1]
MADE = "<!-- Made by `make docs`; do not edit. -->\n"
PROMISES = ("<!-- promises: made by `make docs` from tests/claims.toml -->\n", "<!-- /promises -->")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a Markdown table."""
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    heading = list(head)
    lines = [heading, ["---"] * len(heading), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(title: str, *parts: str) -> str:
    """Write a page."""
    return "\n".join([f"# {title}\n", MADE, *parts])


def settings() -> str:
    """Every setting, from its field."""
    rows = [
        (f"`{name}`", f"`FENCEPOST_{name.upper()}`", _kind(field.annotation), _default(field),
         field.description)
        for name, field in Settings.model_fields.items()
    ]  # fmt: skip
    below = [
        (f"`channels.<channel>.{name}`", f"`FENCEPOST_CHANNELS__<CHANNEL>__{name.upper()}`",
         _kind(field.annotation), _default(field), field.description)
        for name, field in ChannelSettings.model_fields.items()
    ]  # fmt: skip
    return page(
        "Settings",
        "From the environment, and from `fencepost.toml` in the working folder (or the file that\n"
        "`FENCEPOST_CONFIG` names). The environment wins. An unknown member of the file stops the\n"
        "start. The drivers' own settings: [drivers](drivers.md).\n",
        table(("In the file", "In the environment", "Form", "Default", "Meaning"), rows + below),
    )


def _kind(annotation: object) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    names = {"Path": "path", "str": "text", "int": "number", "float": "number", "dict": "table",
             "bool": "yes or no"}  # fmt: skip
    name = getattr(annotation, "__name__", "")
    return names.get(name, name)


def _default(field: typing.Any) -> str:
    if field.default is not PydanticUndefined:
        return f"`{field.default}`"
    return "empty" if field.default_factory else "required"


def metrics() -> str:
    """Every metric, from its definition."""
    found = [m for m in vars(Metrics()).values() if isinstance(m, MetricWrapperBase)]
    rows = []
    for metric in found:
        kind = type(metric).__name__.lower()
        # The library tells name and labels of a metric nobody has touched yet only here.
        name = metric._name + ("_total" if kind == "counter" else "")  # noqa: SLF001
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001
        rows.append((f"`{name}`", kind, labels, metric._documentation))  # noqa: SLF001
    return page(
        "Metrics",
        "`GET /metrics` in the Prometheus format. Labels come from closed lists.\n",
        table(("Metric", "Type", "Labels", "Meaning"), sorted(rows)),
    )


def errors() -> str:
    """Every error code of the HTTP surface, and every verdict code of an event."""
    rows = [
        (f"`{e.code}`", e.status, e.whose, "yes" if e.retryable else "no", e.sentence, e.remedy)
        for e in ERRORS.values()
    ]
    wire = json.loads((ROOT / "sdk/wire/v1.schema.json").read_text("utf-8"))
    codes = wire["$defs"]["verdict"]["properties"]["code"]["enum"]
    return page(
        "Errors",
        "Answers that are no success are `application/problem+json` (RFC 9457) with one of these\n"
        "codes; `GET /errors/<code>` says the same.\n",
        table(("Code", "Status", "Whose", "Try again", "Meaning", "What to do"), rows),
        "## Codes of a rejected event\n",
        "They stand beside the event's `seq` in a `200` answer; the member is in `path`.\n",
        ", ".join(f"`{code}`" for code in codes) + ".\n",
    )


def reasons() -> str:
    """Every reason of a decision."""
    return page(
        "Reasons",
        "Why a message was withheld or deferred, a campaign not entered, a call without success.\n"
        "`fencepost explain ID`, the page of the demo and the decision records say the same.\n",
        table(
            ("Reason", "Meaning", "Korean"),
            ((f"`{code}`", said.en, said.ko) for code, said in REASONS.items()),
        ),
        "## Never considered\n",
        "What `fencepost explain --user` finds where a campaign left no decision at all.\n",
        table(
            ("Finding", "Meaning", "Korean"),
            ((f"`{code}`", said.en, said.ko) for code, said in NEVER.items()),
        ),
    )


def drivers() -> str:
    """Every driver that comes with Fencepost, with its settings."""
    parts = []
    for spec in load_drivers().values():
        if not spec.parse_settings.__module__.startswith("fencepost_channels."):
            continue  # somebody else's, which this machine happens to have
        body = f"{spec.max_body_bytes:,} bytes at most" if spec.max_body_bytes else "no bound"
        module = sys.modules[spec.connect.__module__]
        about = inspect.cleandoc(module.__doc__ or "").split("\n\n")[0]
        parts += [
            f"## `{spec.name}`\n",
            about.replace("``", "`") + "\n",
            f"Channels: {', '.join(sorted(spec.channels))}. Payload: {body}.\n",
            _driver_settings(spec),
        ]
    return page(
        "Drivers",
        "A driver is named at `channels.<channel>.driver`; these are its members under\n"
        "`channels.<channel>.settings`. To write one: [a driver](../how-to/write-a-driver.md).\n",
        *parts,
    )


def _driver_settings(spec: DriverSpec) -> str:
    required, optional = _asked(spec)
    if not required and not optional:
        return "Nothing to set.\n"
    meanings = _attributes(typing.get_type_hints(spec.parse_settings)["return"])
    rows = []
    for name in [*required, *optional]:
        default = "required" if name in required else f"`{optional[name]}`".replace("``", "empty")
        secret = "yes" if name in spec.secrets else ""
        rows.append((f"`{name}`", default, secret, _meaning(name, meanings)))
    return table(("Setting", "Default", "Secret", "Meaning"), rows)


def _asked(spec: DriverSpec) -> tuple[list[str], dict[str, str]]:
    """Learn which settings a driver knows, by listening while it reads none."""
    heard: tuple[list[str], dict[str, str]] = ([], {})

    def listen(
        _raw: Mapping[str, str], *, required: Collection[str], optional: Mapping[str, str]
    ) -> dict[str, str]:
        heard[0].extend(required)
        heard[1].update(optional)
        raise LookupError

    module = sys.modules[spec.parse_settings.__module__]
    with mock.patch.object(module, "read_options", listen):
        try:
            spec.parse_settings({})
        except LookupError:
            return heard
    return heard


def _attributes(record: type) -> dict[str, str]:
    """Read the Attributes of a record's docstring."""
    about, _, attributes = inspect.cleandoc(record.__doc__ or "").partition("Attributes:")
    found: dict[str, str] = {} if attributes else {"": about.strip()}
    name = ""
    for line in attributes.splitlines():
        text = line.strip()
        if line.startswith("    ") and not line.startswith("     ") and ": " in text:
            name, _, text = text.partition(": ")
        if name and text:
            found[name] = f"{found.get(name, '')} {text}".strip()
    return found


def _meaning(name: str, meanings: Mapping[str, str]) -> str:
    own = meanings.get(name) or meanings.get(f"{name}_")
    text = own or next((text for text in meanings.values() if f"``{name}``" in text), "")
    return text.replace("``", "`")


def command_line() -> str:
    """Every command, with its arguments and options."""
    group = typer.main.get_command(cli)
    context = typer.Context(group, info_name="fencepost")
    parts = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # a group has them
        rows = [(f"`{_flag(p)}`", _shown_default(p), getattr(p, "help", "") or "")
                for p in command.get_params(context) if p.name != "help"]  # fmt: skip
        usage = " ".join(p.name.upper() for p in command.params if p.param_type_name == "argument")
        parts += [
            f"## `fencepost {name}`\n",
            f"{command.help}\n",
            f"```text\n{f'fencepost {name} {usage} [OPTIONS]'.replace('  ', ' ')}\n```\n",
            table(("Argument", "Default", "Meaning"), rows) if rows else "It takes no options.\n",
        ]
    return page(
        "Command line",
        "Exit code 0: done. 1: not done, and a message says what, where and how to mend it. 2:\n"
        "wrong usage.\n",
        *parts,
    )


def _flag(parameter: typing.Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return " ".join(parameter.opts)


def _shown_default(parameter: typing.Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.default, bool):
        return "off"
    shown = parameter.show_default if isinstance(parameter.show_default, str) else None
    if shown:
        return f"from {shown}"
    return "-" if parameter.default in (None, ()) else f"`{parameter.default}`"


def http() -> str:
    """Every route, from the route table."""
    rows = [
        (f"`{r.method} {r.path}`", r.role, r.summary, ", ".join(f"`{e}`" for e in r.errors))
        for r in ROUTES
    ]
    return page(
        "HTTP",
        "The whole surface; [openapi.json](openapi.json) has the shapes, and a gateway answers it\n"
        "at `/v1/openapi.json`. Events are described by `sdk/wire/v1.schema.json`.\n",
        "Roles: `open` needs no key; `device` needs `Authorization: Bearer pk_...` and\n"
        "`Fencepost-Device: <device_id>.<secret>`; `operator`: `Authorization: Bearer sk_...`;\n"
        "`team`: the same, and the key of a team reaches what is its own.\n",
        table(("Route", "Role", "What it does", "Errors of its own"), rows),
    )


class _Schema(GenerateJsonSchema):
    """The models' schema; where one may stand for several, it says so."""

    def function_before_schema(self, schema: typing.Any) -> dict[str, typing.Any]:
        inner = super().function_before_schema(schema)
        before = schema["function"]["function"]
        if before is as_list:
            return {"anyOf": [inner, inner["items"]]}
        if before is named_or_one:
            return {"anyOf": [inner, inner["additionalProperties"]]}
        return inner

    def handle_ref_overrides(self, json_schema: typing.Any) -> typing.Any:
        ours = {f"#/$defs/{name}" for name in rule_definitions()}  # written beside the models'
        return (
            json_schema
            if json_schema.get("$ref") in ours
            else (super().handle_ref_overrides(json_schema))
        )


def schema() -> str:
    """The JSON Schema of every kind of document."""
    asked = [(model, "validation") for model in MODELS.values()]
    kinds, below = models_json_schema(typing.cast("typing.Any", asked), schema_generator=_Schema)
    return _json(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Fencepost documents",
            "oneOf": [kinds[model, "validation"] for model in MODELS.values()],
            "$defs": below["$defs"] | rule_definitions(),
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def readme() -> str:
    """The README, with the promises of ``tests/claims.toml`` that are marked for it."""
    text = (ROOT / "README.md").read_text("utf-8")
    begin, end = PROMISES
    before, _, rest = text.partition(begin)
    made = _promises([claim for claim in _claims() if claim.get("readme")], "")
    return f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"


def promises() -> str:
    """Every promise."""
    return page(
        "Promises",
        "Each stands here because a test tries to break it; of long runs the newest figure.\n",
        _promises(_claims(), "../../"),
    )


def _claims() -> list[dict[str, typing.Any]]:
    claims: list[dict[str, typing.Any]]
    claims = tomllib.loads((ROOT / "tests/claims.toml").read_text("utf-8"))["claim"]
    return claims


def _promises(claims: Iterable[Mapping[str, typing.Any]], root: str) -> str:
    rows = [
        (_promise(claim), "<br>".join(_link(node, root) for node in claim["tests"]))
        for claim in claims
    ]
    return table(("Promise", "The test that tries to break it"), rows)


def _promise(claim: Mapping[str, object]) -> str:
    """A promise, and what the newest long run of its proof came to."""
    measured = claim.get("measured")
    promise = str(claim["promise"])
    return f"{promise}<br>*{measured}*" if measured else promise


def _link(node: str, root: str) -> str:
    path, _, name = node.partition("::")
    return f"[{name.rpartition('::')[2]}]({root}{path})"


def ties() -> str:
    """Every rule that says which of two comes first."""
    found = tomllib.loads((ROOT / "tests/ties.toml").read_text("utf-8"))["tie"]
    parts = []
    for about in dict.fromkeys(each["about"] for each in found):
        rows = [
            (each["when"], each["rule"], "<br>".join(_link(n, "../../") for n in each["tests"]))
            for each in found
            if each["about"] == about
        ]
        parts.append(f"## {about}\n\n{table(('When', 'Then', 'The test that holds it'), rows)}")
    return page(
        "Ties",
        "Which of two comes first where nothing else tells them apart. Live traffic, replay and "
        "what-if agree.\n",
        *parts,
    )


def limits() -> str:
    """What is bounded; the numbers are those of the source."""
    found = tomllib.loads((ROOT / "docs/limits.toml").read_text("utf-8"))["limit"]
    parts = []
    for about in dict.fromkeys(each["about"] for each in found):
        rows = [
            (each["what"], _number(each), each["set_by"] or "nothing to set", each["why"])
            for each in found
            if each["about"] == about
        ]
        parts.append(f"## {about}\n\n{table(('What', 'At most', 'A setting?', 'Why'), rows)}")
    return page("Limits", "What is bounded, and who may change it.\n", *parts)


def _number(limit: Mapping[str, str]) -> str:
    """Write the number of a limit, from where it is said."""
    if "number" in limit:
        return limit["number"]
    if "setting" in limit:
        return f"{_default(Settings.model_fields[limit['setting']])} unless set"
    module, _, name = limit["constant"].partition(":")
    value = int(getattr(importlib.import_module(module), name))
    match limit.get("unit"):
        case "bytes":
            if value % (1 << 10):
                return f"{value:,} bytes"
            is_large = value >= 1 << 20
            return f"{value >> 20} MiB" if is_large else f"{value >> 10} KiB"
        case "ms":
            return f"{value // 86_400_000} days"
        case unit:
            return f"{value:,} {unit}" if unit else f"{value:,}"


PAGES: Mapping[str, Callable[[], str]] = {
    "README.md": readme,
    "docs/reference/limits.md": limits,
    "docs/reference/promises.md": promises,
    "docs/reference/ties.md": ties,
    "docs/reference/settings.md": settings,
    "docs/reference/metrics.md": metrics,
    "docs/reference/errors.md": errors,
    "docs/reference/reasons.md": reasons,
    "docs/reference/drivers.md": drivers,
    "docs/reference/command-line.md": command_line,
    "docs/reference/http.md": http,
    "docs/reference/openapi.json": lambda: _json(describe(ROUTES)),
    "docs/reference/documents.md": reference.render,
    "docs/reference/documents.schema.json": schema,
}


def stale() -> list[str]:
    """Name the pages that are not what the source says."""
    found = []
    for name, make in PAGES.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != make():
            found.append(name)
    return found


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description="Make the generated pages.")
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    old = stale()
    if parser.parse_args().check:
        for name in old:
            print(f"{name} is not what the source says: run `make docs` and commit it")
        return 1 if old else 0
    for name in old:
        (ROOT / name).write_text(PAGES[name](), "utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
