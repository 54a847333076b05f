"""Whatever README and docs show is read, checked or run."""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jsonschema import Draft202012Validator

from docs.blocks import PAGES, ROOT, Block, blocks, links
from docs.shell import BIN, run
from doubles.dkim_keys import rsa_pem
from fencepost_channels.registry import load_drivers
from fencepost_gateway.credentials import open_credentials
from fencepost_gateway.documents.reference import EXAMPLE
from fencepost_gateway.documents.yaml_text import parse
from fencepost_gateway.lab.sources import read_documents
from fencepost_gateway.settings import read_settings
from fencepost_gateway.workers.lanes import wanted

LANGUAGES = {"bash", "yaml", "geojson", "toml", "python", "text", "mermaid"}
SUFFIX = {"yaml": ".yaml", "geojson": ".geojson"}
OFFLINE = (".venv/bin/fencepost replay", ".venv/bin/fencepost check")


def authored() -> dict[Path, list[str]]:
    """Give the documents of each page as texts, by page."""
    found: dict[Path, list[str]] = defaultdict(list)
    for page, language, text in blocks("yaml", "geojson"):
        found[page].append(SUFFIX[language] + "\n" + text)
    return found


def commands() -> list[str]:
    """Give the README's commands, one a line."""
    return [
        line
        for page, _, text in blocks("bash")
        if page.name == "README.md"
        for line in text.splitlines()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_have_a_language_that_is_checked(page: Path) -> None:
    """A block nobody checks says ``text``."""
    fences = [line for line in page.read_text("utf-8").splitlines() if line.startswith("```")]

    assert len(fences) % 2 == 0
    assert {line.removeprefix("```") for line in fences[::2]} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """A link inside the repository names a file or folder that is there."""
    lost = [target for target in links(page) if not (page.parent / target).exists()]

    assert lost == []


@pytest.mark.parametrize("page", authored(), ids=lambda page: page.stem)
def test_documents_of_a_page_pass_the_check(page: Path, tmp_path: Path) -> None:
    """The YAML and GeoJSON of a page, together, are what ``fencepost check`` takes."""
    for number, block in enumerate(authored()[page]):
        suffix, _, text = block.partition("\n")
        (tmp_path / f"{number}{suffix}").write_text(text, "utf-8")

    assert read_documents([], [tmp_path])


def _p8() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    kind, how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, how).decode()


def _account() -> str:
    told = {"project_id": "luma-1", "client_email": "fencepost@luma-1.iam.gserviceaccount.com"}
    told |= {"private_key": rsa_pem(), "private_key_id": "k1"}
    return json.dumps(told | {"token_uri": "https://oauth2.googleapis.com/token"})


# What a page leaves to the environment, or to a file of the reader's: lane, setting, value.
SECRETS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("push_apns", "key", _p8),
    ("push_fcm", "service_account", _account),
)


@pytest.mark.parametrize(
    "block",
    # that page's driver is installed where the page is run: test_write_a_driver
    [b for b in blocks("toml") if b.page.stem != "write-a-driver"],
    ids=lambda block: block.page.stem,
)
def test_settings_on_a_page_start_a_gateway(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that a page shows are taken by the gateway and by the drivers they name."""
    file = tmp_path / "fencepost.toml"
    file.write_text(block.text, "utf-8")
    monkeypatch.setenv("FENCEPOST_CONFIG", str(file))
    for lane, name, secret in SECRETS:
        if f"channels.{lane}]" in block.text:
            monkeypatch.setenv(f"FENCEPOST_CHANNELS__{lane}__SETTINGS__{name}".upper(), secret())
    chosen = wanted(read_settings(), open_credentials(tmp_path / "keys"))
    drivers = load_drivers()

    for channel in chosen.values():
        assert drivers[channel.driver].parse_settings(channel.settings)


def test_a_secret_in_the_environment_joins_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's setting may come from the environment, as the page about channels says."""
    file = tmp_path / "fencepost.toml"
    file.write_text('[channels.sms]\ndriver = "sms"\nsettings = { from = "Luma" }\n', "utf-8")
    monkeypatch.setenv("FENCEPOST_CONFIG", str(file))
    monkeypatch.setenv("FENCEPOST_CHANNELS__SMS__SETTINGS__AUTH_TOKEN", "from-the-environment")

    sms = read_settings().channels["sms"]

    assert sms.settings == {"from": "Luma", "auth_token": "from-the-environment"}


@pytest.mark.parametrize(
    "page", sorted({b.page for b in blocks("python")}), ids=lambda page: page.stem
)
async def test_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """The Python of a page runs as it stands, from top to bottom; no gateway needs to be there."""
    text = "\n".join(b.text for b in blocks("python") if b.page == page)
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}

    await run(sys.executable, "-W", "error", "-c", text, env=env)


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith(OFFLINE)])
async def test_readme_command_runs(command: str) -> None:
    """What needs no gateway runs word by word."""
    program, *words = command.split()

    said = await run(str(BIN / Path(program).name), *words)

    assert "2 sent, 1 withheld" in said or "12 documents are fine" in said


def test_readme_names_every_target_it_uses() -> None:
    """A ``make`` command of the README is a target."""
    targets = {
        line.partition(":")[0]
        for line in (ROOT / "Makefile").read_text("utf-8").splitlines()
        if ": " in line
    }
    used = {c.split()[1] for c in commands() if c.startswith("make ")}

    assert {"demo", "test"} <= used
    assert used <= targets


def test_generated_schema_takes_the_example() -> None:
    """The JSON Schema of documents, for editors, takes the reference's own example."""
    text = (ROOT / "docs/reference/documents.schema.json").read_text("utf-8")
    validator = Draft202012Validator(json.loads(text))
    parsed, _ = parse(EXAMPLE)
    caps = {"kind": "caps", "id": "default", "rules": "three a week"}

    assert [e.message for d in parsed for e in validator.iter_errors(d.value)] == []
    assert not validator.is_valid(caps)
