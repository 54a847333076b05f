from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from fencepost_sdk.location import Fix, Location
from sdk.gateway_double import problem

if TYPE_CHECKING:
    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble

HERE = Fix(37.498123, 127.027612, 12.3, provider="gps", speed_mps=1.2)


@pytest.mark.parametrize("value", ["y", "CT"])
def test_events_wait_for_consent_and_leave_in_order(
    gateway: GatewayDouble, make_client: MakeClient, value: str
) -> None:
    """Nothing said: held. What the policy accepts releases them in their order."""
    fp = make_client(consent=None)
    levels = [fp.track(f"n{i}").level for i in range(3)]
    fp.flush()
    before = gateway.kinds()
    fp.set_consent({"collect": value})
    fp.flush()

    assert levels == ["held"] * 3
    assert before == []
    assert gateway.names() == ["n0", "n1", "n2"]


def test_a_no_clears_what_was_held_and_silences_calls(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """``n`` clears the queue in its own commit, makes calls no-ops, and is itself sent."""
    fp = make_client(consent=None)
    held = fp.track("before").event_id
    fp.set_consent({"collect": "n"})
    after = fp.track("after")
    fp.flush()

    assert after == ("", "dropped", "consent")
    assert gateway.kinds() == ["consent"]
    assert fp.stats().losses == {"consent": 1}
    assert fp.stats().refused == {"consent": 1}
    assert fp.explain(held).checks[-1].detail == "dropped: consent"


def test_a_no_clears_what_was_ready_to_go(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Events that only waited for the network go too; what was cleared is reported later."""
    gateway.refuse = lambda _: problem(503, "overload")
    fp = make_client()
    fp.track("ready")
    fp.set_consent({"collect": "n"})
    gateway.refuse = lambda _: None
    fp.flush()
    fp.set_consent({"collect": "y"})
    fp.track("later")
    fp.flush()

    assert gateway.names() == ["later"]
    assert [(r["reason"], r["seqs"]) for r in gateway.reports] == [("consent", [[2, 2]])]


def test_other_answers_keep_waiting(make_client: MakeClient) -> None:
    """A question that is pending is not answered."""
    fp = make_client(consent=None)
    fp.set_consent({"collect": "p"})

    assert fp.track("a").level == "held"


def test_a_position_never_waits_for_consent(make_client: MakeClient) -> None:
    """Without ``location_collect`` no position is taken, held or counted as lost."""
    fp = make_client(location=Location())
    tracked = fp.location.update(HERE)

    assert tracked == ("", "dropped", "consent")
    assert fp.stats().held == 0
    assert fp.stats().losses == {}


def test_a_position_is_coarse_without_location_precise(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Snapped to 0.01 degrees with at least 800 m before it is stored; fine when allowed."""
    fp = make_client(location=Location(), consent={"collect": "y", "location_collect": "y"})
    fp.location.update(HERE)
    fp.set_consent({"location_precise": "y"})
    fp.location.update(HERE)
    fp.flush()
    coarse, fine = (event for event in gateway.events.values() if event["type"] == "fix")

    assert (coarse["lat"], coarse["lon"], coarse["accuracy_m"]) == (37.5, 127.03, 800.0)
    assert (fine["lat"], fine["lon"], fine["accuracy_m"]) == (37.498123, 127.027612, 12.3)
    assert (fine["provider"], fine["speed_mps"]) == ("gps", 1.2)


@pytest.mark.feature("Q22")
def test_a_check_in_is_a_position(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Not taken without consent, deleted by a withdrawal, sent at once when it is allowed."""
    fp = make_client(location=Location(), consent=None)
    refused = fp.location.check_in("fp1.early")
    fp.set_consent({"location_collect": "y"})
    fp.flush()
    fp.track("held")
    fp.location.check_in("fp1.withdrawn")
    fp.set_consent({"location_collect": "n"})
    fp.set_consent({"location_collect": "y"})
    fp.location.check_in("fp1.studio")
    fp.location.pause()
    paused = fp.location.check_in("fp1.paused")
    fp.flush()
    sent = [event["code"] for event in gateway.events.values() if event["type"] == "check_in"]

    assert refused == ("", "dropped", "consent")
    assert paused == ("", "dropped", "paused")
    assert sent[-1] == "fp1.studio"
    assert fp.stats().held == 1


def test_withdrawing_location_deletes_queued_positions(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """``n`` deletes positions that were not sent yet, and only positions."""
    fp = make_client(location=Location(), consent=None)
    fp.set_consent({"location_collect": "y"})
    fp.flush()
    fp.track("held")
    fp.location.update(HERE)
    fp.set_consent({"location_collect": "n"})
    fp.set_consent({"collect": "y"})
    fp.flush()

    assert "fix" not in gateway.kinds()
    assert gateway.names() == ["held"]
    assert fp.stats().losses == {"consent": 1}


def test_a_pause_takes_no_positions_and_keeps_consent(make_client: MakeClient) -> None:
    """A temporary stop is no withdrawal."""
    fp = make_client(location=Location(), consent={"location_collect": "y"})
    fp.location.pause()
    paused = fp.location.update(HERE)
    fp.location.resume()

    assert paused == ("", "dropped", "paused")
    assert fp.location.update(HERE).level == "os"
    assert fp.get_consent()["location_collect"].allowed


def test_a_consent_change_is_durable_at_once(make_client: MakeClient) -> None:
    """A change is committed with fsync, whatever the durability of events is."""
    fp = make_client(durability="os")

    assert fp.set_consent({"marketing": "n"}).level == "fsync"


def test_consent_by_channel_says_so(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """A channel's value is kept and sent apart from the value for all of them."""
    fp = make_client()
    fp.set_consent({"marketing": "y"})
    fp.set_consent({"marketing": "n"}, channel="sms")
    fp.flush()
    entry = fp.get_consent()["marketing"]
    channels = [event.get("channel") for event in gateway.events.values()]

    assert (entry.value, entry.allowed, entry.channels) == ("y", True, {"sms": "n"})
    assert channels == [None, None, "sms"]


def test_wording_travels_as_its_hash(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """The words prove themselves by their SHA-256; they stay where they were shown."""
    words = "Ja, schickt mir Angebote."
    fp = make_client(consent=None)
    fp.set_consent({"marketing": "y"}, text="news-v2", wording=words)
    refused = fp.set_consent({"marketing": "y"}, wording="")
    fp.flush()
    (first,) = gateway.batches()
    (event,) = first.batch["events"]

    assert event["text_sha256"] == hashlib.sha256(words.encode()).hexdigest()
    assert words not in str(first.batch)
    assert refused.level == "dropped"
