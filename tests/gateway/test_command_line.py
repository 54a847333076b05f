import subprocess
import sys
from pathlib import Path

import pytest

OLD_TOWN = Path(__file__).resolve().parents[2] / "examples" / "old-town"


def fencepost(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in an empty folder."""
    command = [sys.executable, "-m", "fencepost_gateway", *arguments]
    return subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_replay_prints_transitions_and_decisions(tmp_path: Path) -> None:
    """The README's example: what was granted, what happened, and a sum at the end."""
    done = fencepost(
        tmp_path,
        "replay",
        *("--fences", str(OLD_TOWN / "fences.geojson")),
        *("--track", str(OLD_TOWN / "walk.gpx")),
        *("--documents", str(OLD_TOWN / "documents")),
        *("--zone", "Europe/Berlin"),
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("granted for this replay: collect")
    assert "Withheld (frequency_cap)" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("118 fixes over 12 documents")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("replay", "--fences", "no.geojson", "--track", "no.gpx"), "no.geojson"),
        (("check", "nowhere"), "there is no folder nowhere"),
        (("apply", "nowhere"), "no operator key"),
        (("explain", "abc"), "no operator key"),
        (("explain",), "an id, or --user"),
        (("suppression", "list"), "no operator key"),
        (("suppression", "drop"), "list|add|remove|import|export"),
        (("suppression", "import", "--key", "sk_x"), "takes a CSV"),
        (("explain", "abc", "--from", "2026-06-02"), "belong to --user"),
        (("apply", str(OLD_TOWN), "--key", "sk_x", "--url", "http://127.0.0.1:9"), "no gateway"),
    ],
    ids=[
        "replay",
        "check",
        "apply",
        "explain",
        "explain-what",
        "listed",
        "list-what",
        "list-file",
        "explain-when",
        "unreachable",
    ],
)
def test_expected_failure_is_one_message_and_a_code(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """No traceback: what, where, how to mend, and exit code 1."""
    done = fencepost(tmp_path, *arguments)

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("example", "fine"),
    [
        ("old-town", "12 documents are fine\n"),
        ("first-class", "8 documents are fine\n"),
        ("try-it/documents", "documents are fine\n"),
    ],
)
def test_check_finds_the_examples_fine(tmp_path: Path, example: str, fine: str) -> None:
    """Documents can be checked without a gateway; those that are copied have no doubts either."""
    done = fencepost(tmp_path, "check", str(OLD_TOWN.parent / example))

    assert done.returncode == 0
    assert done.stdout.endswith(fine)
    assert "warning" not in done.stdout


def test_serve_refuses_wrong_settings(tmp_path: Path) -> None:
    """A typing error stops the start and is named."""
    (tmp_path / "fencepost.toml").write_text("prot = 1\n")
    done = fencepost(tmp_path, "serve")

    assert done.returncode == 1
    assert "prot" in done.stderr
