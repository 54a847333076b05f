"""``fencepost check``: what a newcomer sees of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli, main
from fencepost_gateway.errors import StartError

LIBRARY = "{kind: library, id: gyms}\n"
LINKS = """\
kind: template
id: greet
purpose: transactional
in_app:
  body: "Read {base}/text."
  buttons:
    - {{text: a, link: "{base}/there"}}
    - {{text: b, link: "{base}/gone"}}
    - {{text: c, link: "{base}/gone/{{{{ place.name }}}}"}}
    - {{text: d, link: "{base}/secret"}}
web_push: {{title: a, link: "{base}/moved"}}
email: {{subject: a, text: a, html: '<a href="{base}/odd">a</a>'}}
---
kind: campaign
id: c
entry: {{event: e}}
message: {{template: greet, channels: [in_app]}}
"""


def check(folder: Path, *options: str) -> tuple[int, str]:
    """Run the command; gives its exit code, and what it or its failure says."""
    done = CliRunner().invoke(cli, ["check", str(folder), *options])
    failed = isinstance(done.exception, StartError)
    return done.exit_code, str(done.exception) if failed else done.output


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.yaml": LIBRARY}, "1 document is fine"),
        ({"a.yaml": LIBRARY, "b.yaml": "{kind: library, id: b}"}, "2 documents are fine"),
        ({"a.yaml": LIBRARY, ".github/ci.yml": "on: push"}, "1 document is fine"),
        ({"a.yaml": "\ufeff" + LIBRARY}, "1 document is fine"),
        ({"a.yaml": "# nothing yet\n"}, "hold no documents: begin one with kind: and id:"),
        ({"a.md": "# nothing"}, "holds no documents (.yaml .yml .json .geojson .txt .html .mjml)"),
        ({"a.yaml": "kind: nothing\n"}, "1 problem:"),
        ({"a.yaml": "kind: x\n", "b.yaml": "kind: y\n"}, "2 problems:"),
        ({"a.yaml": "kind: library\n\tid: a\n"}, "a.yaml:2: "),
        ({"a.yaml": "kind: library\n\tid: a\n"}, "indent with blanks: YAML knows no tabs"),
    ],
    ids=["one", "two", "hidden", "bom", "empty", "no-file", "one-problem", "two-problems",
         "tab-line", "tab"],
)  # fmt: skip
def test_check_counts_and_helps(tmp_path: Path, files: dict[str, str], says: str) -> None:
    """One is one; what holds nothing is no success."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    code, said = check(tmp_path)

    assert says in said
    assert (code == 0) == ("fine" in said)


def test_warnings_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    """They come before the sum."""
    (tmp_path / "a.yaml").write_text(
        "{kind: template, id: a, purpose: transactional, sms: {text: a}}"
    )
    code, said = check(tmp_path)

    assert code == 0
    assert said.splitlines()[0].startswith("a.yaml:1: template a: warning: no campaign")
    assert said.splitlines()[1] == "1 document is fine, 1 warning"


async def test_links_are_asked_for_only_when_wanted(tmp_path: Path) -> None:
    """What is gone is an error at its line; an odd answer a warning; Liquid is not asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        if request.path == "/moved":
            raise web.HTTPFound("/there")
        if request.path == "/odd" and request.method == "HEAD":
            return web.Response(status=405)
        status = {"/gone": 404, "/secret": 403}.get(request.path, 200)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    async with TestServer(app) as server:
        base = str(server.make_url("")).rstrip("/")
        (tmp_path / "a.yaml").write_text(LINKS.format(base=base))
        quiet = await asyncio.to_thread(check, tmp_path)
        before = list(asked)
        code, said = await asyncio.to_thread(check, tmp_path, "--links")
    _, unreached = await asyncio.to_thread(check, tmp_path, "--links")

    how = "write another address, or take it out"
    told = [line for line in said.splitlines() if " answers " in line]
    assert (quiet[0], before) == (0, []), quiet
    assert code == 1
    assert told == [
        f"a.yaml:8: template greet, in_app.buttons.1.link: {base}/gone answers 404; {how}",
        f"a.yaml:10: template greet, in_app.buttons.3.link: warning: {base}/secret answers 403; "
        + how,
    ]
    assert sorted(asked) == [
        "GET /odd", "HEAD /gone", "HEAD /moved", "HEAD /odd", "HEAD /secret", "HEAD /text",
        "HEAD /there", "HEAD /there",
    ]  # fmt: skip
    assert "/there cannot be reached (ClientConnectorError)" in unreached


def test_address_without_a_scheme_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--url localhost:8080` says what to write."""
    argv = ["fencepost", "health", "--url", "localhost:8080", "--key", "sk_x"]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert "write http://localhost:8080 or https://localhost:8080" in capsys.readouterr().err
