"""The golden batches of ``sdk/wire``, through the gateway's door: SDKs and gateway agree."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.admission import AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.marks import Marks
from gateway.policies import make_house

FOLDER = Path(__file__).resolve().parents[3] / "sdk" / "wire" / "vectors" / "batch"
VECTORS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.json"))]


def epoch_ms(moment: str) -> int:
    """Read a moment of a vector."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


@pytest.mark.parametrize("path", VECTORS)
def test_golden_batch_gets_its_verdicts(path: Path) -> None:
    """What the vector gives, sent as the vector says, is answered as the vector says."""
    vector: dict[str, Any] = json.loads(path.read_text("utf-8"))
    given = vector["given"]
    received_ms = epoch_ms(given["received_at"])
    entries = [ConsentEntry(p, value, 0) for p, value in given["consents"].items()]
    marks = Marks()
    for low, high in given["seen"]:
        for seq in range(low, high + 1):
            marks.add(seq)
    facts = AdmitFacts(marks, lambda visitor_id: visitor_id, lambda _: entries)

    verdicts: dict[str, Any] = {}
    for body in vector["when"]:
        batch = wire.decode_batch(json.dumps(body).encode())
        found = admit(batch, make_house(), facts, received_ms)
        verdicts = {
            "stream": batch.stream,
            "accepted": found.accepted,
            "others": msgspec.to_builtins(found.others),
        }

    assert verdicts == vector["then"]["verdicts"]


def test_there_are_golden_batches() -> None:
    """The loop above has something to go through."""
    assert VECTORS
