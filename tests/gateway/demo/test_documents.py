"""What the demonstration and the example publish passes the same check as anybody's documents."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.demo.town import build_town, fences_geojson
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import SUFFIXES, load
from fencepost_gateway.documents.shipped import default_documents

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "old-town"


def demo_files() -> list[SourceFile]:
    """Give the demonstration's documents together with the fences of a town."""
    folder = files("fencepost_gateway.demo") / "documents"
    documents = [SourceFile(item.name, item.read_text("utf-8")) for item in folder.iterdir()]
    return [*documents, SourceFile("town.geojson", json.dumps(fences_geojson(build_town(7))))]


def example_files() -> list[SourceFile]:
    """Give the example's fences and documents."""
    return [
        SourceFile(str(path.relative_to(EXAMPLE)), path.read_text("utf-8"))
        for path in sorted(EXAMPLE.rglob("*"))
        if path.suffix in SUFFIXES
    ]


@pytest.mark.parametrize("source", [demo_files, example_files], ids=["demo", "example"])
def test_documents_are_without_a_problem(source: Callable[[], list[SourceFile]]) -> None:
    """Every document is accepted as it stands, and every reference points somewhere."""
    loaded = load(source())
    problems = [*loaded.problems, *check(loaded.documents, default_documents(), lint_documents)]

    assert [str(problem) for problem in problems] == []
    assert {document.kind for document in loaded.documents} >= {"campaign", "template", "caps"}


def test_demo_uses_every_channel_and_both_purposes() -> None:
    """The demonstration shows all four channels, marketing and transactional."""
    documents = load(demo_files()).documents
    channels = {
        channel
        for document in documents
        if document.kind == "campaign"
        for channel in document.body["message"]["channels"]
    }
    purposes = {d.body["purpose"] for d in documents if d.kind == "template"}

    assert channels == {"in_app", "web_push", "sms", "email"}
    assert purposes == {"marketing", "transactional"}


def test_example_walk_can_be_followed_by_eye() -> None:
    """The track has about 120 points: one printed page of output."""
    track = (EXAMPLE / "walk.gpx").read_text("utf-8")

    assert 100 <= track.count("<trkpt") <= 140
