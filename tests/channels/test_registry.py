from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fencepost_channels.driver import DriverSpec
from fencepost_channels.message import Channel
from fencepost_channels.registry import DriverLoadError, load_drivers


def install(folder: Path, distribution: str, entry_point: str, module: str = "") -> None:
    """Put a distribution with one driver into a folder, as an installer would."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fencepost.channels]\n{entry_point}\n")
    if module:
        (folder / f"{distribution.replace('-', '_')}.py").write_text(module)


def test_built_in_drivers_come_in_by_the_entry_points() -> None:
    """The registry finds the built-ins, and every channel has one that sends."""
    drivers = load_drivers()

    assert {"in_app", "web_push", "sms", "email", "capture"} <= set(drivers)
    assert all(isinstance(spec, DriverSpec) for spec in drivers.values())
    assert {c for spec in drivers.values() for c in spec.channels if spec.name != "capture"} == set(
        Channel
    )


def test_third_party_driver_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver of another distribution comes in by the same door."""
    code = (
        "from dataclasses import replace\n"
        "from fencepost_channels.drivers.sms import driver as ours\n"
        "driver = replace(ours, name='pigeon')\n"
    )
    install(tmp_path, "acme-pigeon", "pigeon = acme_pigeon:driver", code)
    monkeypatch.syspath_prepend(tmp_path)

    assert load_drivers()["pigeon"].name == "pigeon"


def test_two_drivers_with_one_name_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A doubled name is an error that names both distributions."""
    install(tmp_path, "acme-mail", "email = fencepost_channels.drivers.email:driver")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(DriverLoadError, match='"email"') as caught:
        load_drivers()

    assert "acme-mail 1.0" in str(caught.value)
    assert "fencepost 0" in str(caught.value)


@pytest.mark.parametrize(
    ("entry_point", "module", "says"),
    [
        ("bad = acme_bad:driver", "raise RuntimeError('boom')", "cannot be imported"),
        ("bad = acme_bad:missing", "driver = 1", "cannot be imported"),
        ("bad = acme_bad:driver", "driver = 1", "is no DriverSpec"),
        ("bad = fencepost_channels.drivers.sms:driver", "", 'calls itself "sms"'),
    ],
    ids=["raises", "absent", "no_spec", "other_name"],
)
def test_broken_entry_point_is_named(
    entry_point: str, module: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point that gives no driver is an error that names it and its distribution."""
    install(tmp_path, "acme-bad", entry_point, module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "acme_bad", raising=False)

    with pytest.raises(DriverLoadError, match=says) as caught:
        load_drivers()

    monkeypatch.delitem(sys.modules, "acme_bad", raising=False)
    assert 'driver "bad"' in str(caught.value)
    assert "acme-bad 1.0" in str(caught.value)


def test_loading_drivers_does_not_load_twilio() -> None:
    """Twilio's package is imported when the SMS driver is opened, not when it is found."""
    code = (
        "import sys\n"
        "from fencepost_channels.registry import load_drivers\n"
        "load_drivers()\n"
        "sys.exit(any(name.partition('.')[0] == 'twilio' for name in sys.modules))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)  # noqa: S603 - our own code

    assert run.returncode == 0
