"""What a wheel brings, and what it asks for."""

from __future__ import annotations

import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from docs.blocks import ROOT
from docs.shell import run

PACKAGES = {
    "fencepost_geofence": "geofence",
    "fencepost_channels": "channels",
    "fencepost_sdk": "sdk",
    "fencepost_gateway": "gateway",
}


@pytest.fixture(scope="module")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder the wheel is built into."""
    return tmp_path_factory.mktemp("wheel")


def wheels(folder: Path) -> list[Path]:
    """Give the wheels in a folder."""
    return list(folder.glob("*.whl"))


async def build(folder: Path) -> zipfile.ZipFile:
    """Build the wheel, once, without network."""
    if not wheels(folder):
        pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check")
        await run(*pip, "--no-deps", "--no-build-isolation", "--no-index",
                  "--wheel-dir", str(folder), str(ROOT))  # fmt: skip
    return zipfile.ZipFile(wheels(folder)[0])


async def test_base_install_pulls_in_nothing(wheel_folder: Path) -> None:
    """Every requirement belongs to an extra: ``pip install fencepost`` is the SDK alone."""
    wheel = await build(wheel_folder)
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    wanted = HeaderParser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist") or []

    assert wanted
    assert [line for line in wanted if "extra ==" not in line] == []


async def test_wheel_brings_every_file_of_the_packages(wheel_folder: Path) -> None:
    """SQL, migrations, shipped documents, the demo's page and the type markers travel along."""
    inside = set((await build(wheel_folder)).namelist())
    sources = {
        path.relative_to(ROOT / root).as_posix()
        for package, root in PACKAGES.items()
        for path in (ROOT / root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert sources <= inside
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside


async def test_wheel_brings_the_files_of_a_web_site(wheel_folder: Path) -> None:
    """Service worker and page helper are installed where the how-to says: ``share/fencepost``."""
    inside = (await build(wheel_folder)).namelist()
    sources = sorted(path.name for path in (ROOT / "sdk" / "web").iterdir())

    assert sources == ["fencepost-push.js", "fencepost-sw.js"]
    for name in sources:
        assert [n for n in inside if n.endswith(f".data/data/share/fencepost/web/{name}")]


async def test_sdk_runs_from_the_wheel_alone(wheel_folder: Path) -> None:
    """The SDK imports with the standard library and nothing else on the path."""
    wheel = await build(wheel_folder)
    program = f"import sys; sys.path.append({str(wheel.filename)!r}); import fencepost_sdk as f; "

    said = await run(sys.executable, "-I", "-S", "-c", program + "print(f.init.__name__)")

    assert said == "init\n"
