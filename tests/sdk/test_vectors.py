"""The golden vectors of the wire, as far as this SDK owns them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fencepost_sdk import consent, wire
from fencepost_sdk.answer import (
    Halve,
    Later,
    Reply,
    Settled,
    Stopped,
    react,
    read_answer,
    retry_after_s,
)
from fencepost_sdk.display import Screen, again, is_over
from fencepost_sdk.limits import Limits
from fencepost_sdk.nearby import FenceSet, applied, read
from fencepost_sdk.outline import read_outline
from fencepost_sdk.regions import TRIGGER_M, change, choose
from fencepost_sdk.sqlite_store import MEMORY, NewEvent, SqliteStore
from fencepost_sdk.uploader import Idle, Item, Upload, Uploader, View, Wait

WIRE = Path(__file__).resolve().parents[2] / "sdk" / "wire"
SCHEMA = json.loads((WIRE / "v1.schema.json").read_text())
OWNED = (
    "batch",
    "codec",
    "consent",
    "display",
    "geofence",
    "nearby",
    "problems",
    "queue",
    "regions",
    "rules",
    "uploader",
)


def _same(raw: bytes, _seq: int) -> bytes:
    return raw


def cases(folder: str) -> list[Any]:
    """Give every case of a folder."""
    paths = sorted((WIRE / "vectors" / folder).glob("*.json"))
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in paths]


def valid(part: str, value: object) -> bool:
    """Say whether ``value`` is a ``part`` of the schema."""
    schema = {"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{part}"}
    return bool(Draft202012Validator(schema).is_valid(value))


def test_every_folder_has_a_reader_and_every_case_a_sentence() -> None:
    """A folder nobody reads, or a case without ``about``, proves nothing."""
    folders = sorted(path.name for path in (WIRE / "vectors").iterdir())
    texts = [json.loads(path.read_text()) for path in (WIRE / "vectors").rglob("*.json")]

    assert folders == sorted(OWNED)
    assert all(set(text) == {"about", "given", "when", "then"} for text in texts)
    assert all(text["about"].endswith(".") for text in texts)


@pytest.mark.parametrize("case", cases("codec"))
def test_codec_vector_holds(case: dict[str, Any]) -> None:
    """Events become the bytes of the vector; what cannot travel is named by code and path."""
    for step, expected in zip(case["when"], case["then"], strict=True):
        if "event" in step:
            event = step["event"]
            head = (event["seq"], event["event_id"], event["type"], event["at_ms"])
            raw = wire.encode_event(*head, event["fields"])

            assert raw.decode() == expected["text"]
            assert json.loads(raw)["props"] == event["fields"]["props"]
        else:
            found = wire.check(json.loads(step["json"]), Limits(), "props")

            assert (found._asdict() if found else None) == expected


@pytest.mark.parametrize("case", cases("consent"))
def test_consent_vector_holds(case: dict[str, Any]) -> None:
    """The truth table of consent, entry by entry."""
    policy = consent.Policy(**case["given"]["policy"])
    entries = [consent.Entry(**entry) for entry in case["given"]["entries"]]
    rulings = [consent.evaluate(entries, policy, **step["ask"]) for step in case["when"]]

    assert [ruling._asdict() for ruling in rulings] == case["then"]


@pytest.mark.parametrize("case", cases("batch"))
def test_batch_vector_is_well_formed(case: dict[str, Any]) -> None:
    """The gateway's answer of the vector is one this SDK understands, and rules on every event."""
    (batch,) = case["when"]
    answer = {"v": 1, "ack": "fsync", "received_at": "2026-05-04T09:12:40.377Z"}
    answer |= {"retry_after_s": None, **case["then"]}
    read = read_answer(json.dumps(answer).encode(), batch["stream"])

    assert valid("batch_head", batch)
    assert valid("answer", answer)
    assert read is not None
    assert all(read.of(event["seq"]) is not None for event in batch["events"])


@pytest.mark.parametrize("case", cases("nearby"))
def test_nearby_vector_holds(case: dict[str, Any]) -> None:
    """Whole answers and differences leave the fences that the vector says."""
    sets: dict[str, FenceSet] = {}
    for step, expected in zip(case["when"], case["then"], strict=True):
        if expected is None or "problem" in expected:
            continue
        told = read(json.dumps(expected["answer"]).encode())
        assert told is not None
        fences = applied(sets.get(step["ask"].get("have", "")), told)
        assert fences is not None
        sets[told.told.have] = told.told._replace(fences=fences)

        assert valid("nearby_query", step["ask"])
        assert valid("nearby_answer", expected["answer"])
        assert {key: fence["version"] for key, fence in fences.items()} == expected["holds"]


def chosen(
    given: dict[str, Any], step: dict[str, Any], registered: dict[str, int]
) -> dict[str, Any]:
    """Choose regions as a vector asks; ``registered`` becomes what is registered then."""
    distances_m = {
        fence["id"]: outline.signed_distance_m(**step["at"])
        for fence in step["fences"]
        if (outline := read_outline(fence["shape"]))
    }
    choice = choose(
        distances_m,
        given["slots"],
        held=step.get("held", ()),
        trigger_m=given.get("trigger_m", TRIGGER_M),
    )
    versions = {fence["id"]: fence["version"] for fence in step["fences"]}
    wanted = {key: versions[key] for key in choice.fence_ids}
    removed, added = map(list, change(registered, wanted))
    registered.clear()
    registered.update(wanted)
    trigger_m = pytest.approx(choice.trigger_m, abs=1e-6)
    return {
        "kept": list(choice.fence_ids),
        "trigger_m": trigger_m,
        "removed": removed,
        "added": added,
    }


@pytest.mark.parametrize("case", cases("regions"))
def test_regions_vector_holds(case: dict[str, Any]) -> None:
    """Which fences are kept, when that is looked at again, and what is registered for it."""
    given, registered = case["given"], dict[str, int]()
    told: list[dict[str, Any]] = []
    for step in case["when"]:
        if "center" in given:
            held = FenceSet("", **given["center"], radius_m=given["valid_radius_m"], fences={})
            told.append({"ask": not held.fits(**step["at"])})
        else:
            told.append(chosen(given, step, registered))

    assert told == case["then"]


@pytest.mark.parametrize("case", cases("problems"))
def test_problem_vector_holds(case: dict[str, Any]) -> None:
    """Status and body say what to do; only the gateway's own word settles anything."""
    now_ms = wire.moment_ms(case["given"]["now"])
    assert now_ms is not None
    told: list[dict[str, object]] = []
    for step in case["when"]:
        wait_s = retry_after_s(step.get("retry_after", ""), now_ms)
        reply = Reply(step["status"], step["body"].encode(), wait_s)
        match react(reply, case["given"]["stream"]):
            case Settled():
                told.append({"reaction": "settled"})
            case Halve(code):
                told.append({"reaction": "halve", "code": code})
            case Stopped(code):
                told.append({"reaction": "stopped", "code": code})
            case Later(code, None):
                told.append({"reaction": "later", "code": code})
            case Later(code, wait_s):
                told.append({"reaction": "later", "code": code, "retry_after_s": wait_s})

    assert told == case["then"]


@pytest.mark.parametrize("case", cases("queue"))
def test_queue_vector_holds(case: dict[str, Any]) -> None:
    """The bounds drop what the vector says, and report exactly that."""
    limits = Limits(**case["given"]["limits"])
    store = SqliteStore(MEMORY, stream="s", limits=limits)
    now_ms = 0
    for step in case["when"]:
        now_ms += step.get("pass_ms", 0)
        store.expire(now_ms)
        if "put" in step:
            raw = b"x" * step["size"]
            event = NewEvent("e", step["put"], step.get("held", False), 1, partial(_same, raw))
            store.put(event, now_ms)
    store.release()
    kept = sorted(item.seq for item in [*store.ready(), *store.urgent()])
    reports: dict[tuple[str, str], list[list[int]]] = {}
    for loss in store.ledger.losses():
        reports.setdefault((loss.reason, loss.klass), []).append([loss.lo, loss.hi])
    store.close()
    told = [{"reason": r, "class": k, "seqs": seqs} for (r, k), seqs in sorted(reports.items())]

    assert {"kept": kept, "reports": told} == case["then"]


class Script:
    """One uploader vector: its events are the store."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.uploader = Uploader(Limits(**given["limits"]))
        self.stream = given["stream"]
        self.events = list(given["events"])
        self.upload: Upload | None = None

    def do(self, step: dict[str, Any]) -> dict[str, Any] | None:
        """Do one step and say what came of it."""
        if step["do"] == "hurry":
            self.uploader.hurry(step["at_ms"])
            return None
        return self._next(step) if step["do"] == "next" else self._result(step)

    def _next(self, step: dict[str, Any]) -> dict[str, Any]:
        match self.uploader.next(self._view(step), step["at_ms"]):
            case Upload() as upload:
                self.upload = upload
                seqs = [item.seq for item in upload.items]
                return {"upload": seqs, "class": "consent" if upload.is_consent else "events"}
            case Wait(until_ms):
                return {"wait_until_ms": until_ms}
            case Idle():
                return {"idle": True}

    def _view(self, step: dict[str, Any]) -> View:
        urgent = [self._item(e) for e in self.events if e.get("consent")]
        ready = [self._item(e) for e in self.events if not e.get("consent")]
        sizes = sum(item.size for item in ready)
        age_ms, is_wanted = step.get("age_ms", 0), step.get("wanted", False)
        return View(urgent, ready[:100], len(ready), sizes, age_ms, is_wanted)

    def _item(self, event: dict[str, Any]) -> Item:
        seq = event["seq"]
        return Item(seq, self.stream, seq, event["size"], event.get("envelope", 1))

    def _result(self, step: dict[str, Any]) -> dict[str, Any]:
        assert self.upload is not None
        effects = self.uploader.done(self.upload, self._reply(step), step["chance"], step["at_ms"])
        gone = {each.key for each in effects.decided} | set(effects.quarantined)
        self.events = [event for event in self.events if event["seq"] not in gone]
        deleted = [each.key for each in effects.decided]
        quarantined = list(effects.quarantined)
        return {"deleted": deleted, "quarantined": quarantined, "stopped": self.uploader.stopped}

    def _reply(self, step: dict[str, Any]) -> Reply | None:
        if "status" not in step:
            return None
        told: dict[str, Any] = {"code": step.get("code", "x")}
        if step["status"] == 200:
            members = ("seq", "verdict", "code")
            others = [dict(zip(members, each, strict=False)) for each in step.get("others", [])]
            verdicts = {"stream": self.stream, "accepted": step.get("accepted"), "others": others}
            told = {"v": 1, "ack": "os", "retry_after_s": step.get("retry_after_s")}
            told["verdicts"] = verdicts
        body = step.get("body", json.dumps(told)).encode()
        return Reply(step["status"], body, step.get("retry_after_s"))


@pytest.mark.parametrize("case", cases("uploader"))
def test_uploader_vector_holds(case: dict[str, Any]) -> None:
    """The uploader's script: what is sent, waited for, deleted and set aside, step by step."""
    script = Script(case["given"])

    assert [script.do(step) for step in case["when"]] == case["then"]


@pytest.mark.parametrize("case", cases("display"))
def test_display_vector_holds(case: dict[str, Any]) -> None:
    """What is shown next, and from when on there is something; how often a message comes."""
    screen = Screen(**case["given"]) if case["given"] else None
    for step, expected in zip(case["when"], case["then"], strict=True):
        found = _frequency(**step) if screen is None else _screened(screen, **step)

        assert found == expected


def _frequency(show: dict[str, Any], shown_ms: list[int], wall_ms: int) -> dict[str, Any]:
    ends = {action: is_over(show, action) for action in ("clicked", "dismissed")}
    return {"again": again(show, shown_ms, wall_ms), **ends}


def _screened(screen: Screen, now_ms: int, **step: Any) -> dict[str, Any] | None:
    ((what, value),) = step.items()
    if what == "waiting":
        return {"next": screen.next_of(value, now_ms), "due_ms": screen.due_ms(value)}
    if what == "pause":
        screen.is_paused = value
    elif what == "occasion":
        screen.occasion()
    elif what == "asks":
        screen.asks(value)
    else:
        getattr(screen, what)(value, now_ms)
    return None
