"""The how-to about drivers, run: a package of somebody else's, installed and sent by."""

from __future__ import annotations

import importlib.util
import os
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from docs.blocks import ROOT, blocks
from docs.shell import run
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import GRANTS, OPEN_POLICY, Rig, open_rig

PACKAGE = ROOT / "examples/kiosk-driver"
PATH = "/v1/callbacks/webhook"
CAPS = "kind: caps\nid: default\nrules:\n  - {limit: 1, per: 7d}\n"
TO_LOBBY = {"type": "address", "channel": "webhook", "target": "lobby-7"}


def of_page(language: str) -> list[str]:
    """Give the blocks of the page."""
    return [b.text for b in blocks(language) if b.page.stem == "write-a-driver"]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install what the page shows, as an installer would: the module, and its entry point."""
    (module,) = of_page("python")
    project = tomllib.loads(of_page("toml")[0])["project"]
    points = project["entry-points"]["fencepost.channels"]
    info = folder / "fencepost_kiosk-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fencepost-kiosk\nVersion: 1.0\n")
    lines = ["[fencepost.channels]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    (folder / "fencepost_kiosk.py").write_text(module, "utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "fencepost_kiosk", raising=False)


def fake_kiosk() -> Any:
    """Make the kiosk system that the package brings for its tests."""
    spec = importlib.util.spec_from_file_location("fake_kiosk", PACKAGE / "tests/fake_kiosk.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FakeKiosk()


@asynccontextmanager
async def house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Rig, Any]]:
    """Open a gateway by the settings of the page, with its documents, and a kiosk system."""
    install(folder / "site", monkeypatch)
    chosen = tomllib.loads(of_page("toml")[1])["channels"]["webhook"]
    async with fake_kiosk() as kiosk:
        settings = {**chosen["settings"], **kiosk.settings}  # the page's names, the test's values
        lane = ChannelSettings(driver=chosen["driver"], settings=settings)
        async with open_rig(folder / "data", channels={"webhook": lane}) as rig:
            await rig.apply(*of_page("yaml"), OPEN_POLICY, CAPS)
            yield rig, kiosk


async def ends(rig: Rig) -> list[tuple[str, str]]:
    """Give how the messages ended."""
    return [(m.state, m.reason) for m in await rig.gateway.store.messages("", 10)]


def test_page_shows_the_package() -> None:
    """What the page shows is what stands in the example, word by word."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    shown = tomllib.loads(of_page("toml")[0])["project"]

    assert of_page("python") == [(PACKAGE / "fencepost_kiosk.py").read_text("utf-8")]
    assert shown["entry-points"] == project["entry-points"]


@pytest.mark.feature("S08")
async def test_package_passes_its_own_tests(tmp_path: Path) -> None:
    """The package's tests, the conformance kit among them, pass where the gateway is installed."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)}
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".")

    said = await run(*command, env=env, cwd=PACKAGE)

    assert "13 passed" in said


@pytest.mark.feature("S08")
async def test_kiosk_is_sent_to_under_consent_and_caps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before the person allows it on the channel; then once, and the cap holds the next."""
    async with house(tmp_path, monkeypatch) as (rig, kiosk):
        for values in ({"collect": "y"}, GRANTS, GRANTS):
            await rig.consent(values)
            await rig.send(TO_LOBBY, {"type": "track", "name": "checked_in"})
            await rig.settle()
        found = await ends(rig)

    assert sorted(found) == [
        ("sent", ""),
        ("withheld", "consent"),
        ("withheld", "frequency_cap"),
    ]
    assert [shown["headline"] for shown in kiosk.shown.values()] == ["Welcome"]


@pytest.mark.feature("S08")
async def test_kiosk_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A touch counts once, and only if the kiosk system has signed it."""
    async with house(tmp_path, monkeypatch) as (rig, kiosk):
        await rig.consent()
        await rig.send(TO_LOBBY, {"type": "track", "name": "checked_in"})
        await rig.settle()
        headers, body = kiosk.tell("e-1", next(iter(kiosk.shown)), "touched")
        asked: list[dict[str, str]] = [headers, headers, {}]
        statuses = [(await rig.client.post(PATH, data=body, headers=h)).status for h in asked]
        told = [r["body"]["state"] for r in await rig.records("outcome")]

    assert statuses == [200, 200, 403]
    assert told.count("clicked") == 1
