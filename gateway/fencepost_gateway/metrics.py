"""
Metrics: everything the gateway counts, in one typed table.

Rule 1. Labels come from closed lists, never from ids, names or contents.
Rule 2. Every drop is counted by its reason.
Rule 3. A gateway has a registry of its own, so that two in one process do not mix.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fencepost_geofence.index import HITS_MAX

LATENCY_BUCKETS_S = (
    0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3,
    0.5, 1, 2, 5,
)  # fmt: skip


class Metrics:
    """The gateway's counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = self.registry
        self.events = Counter(
            "fencepost_ingest_events", "Events by their verdict.", ["verdict"], registry=make
        )
        self.processed = Counter(
            "fencepost_pipeline_events", "Events the pipeline has committed.", registry=make
        )
        self.fixes_dropped = Counter(
            "fencepost_fixes_dropped",
            "Fixes that decided nothing, by why: mock, null_island, bad_position, late, duplicate.",
            ["reason"],
            registry=make,
        )
        self.positions_cut = Counter(
            "fencepost_positions_cut",
            f"Positions looked up that lay in over {HITS_MAX:,} fences: the first by id count.",
            registry=make,
        )
        self.suspicions = Counter(
            "fencepost_suspicions",
            "Uploads with suspicious positions, by flag.",
            ["flag"],
            registry=make,
        )
        self.transitions = Counter(
            "fencepost_transitions", "Transitions by kind.", ["kind"], registry=make
        )
        self.steps = Counter(
            "fencepost_steps", "Campaigns woken, by what came of it.", ["outcome"], registry=make
        )
        self.decisions = Counter(
            "fencepost_decisions",
            "Claims by outcome and reason.",
            ["outcome", "reason"],
            registry=make,
        )
        self.deliveries = Counter(
            "fencepost_deliveries",
            "Calls by channel and how they ended.",
            ["channel", "state"],
            registry=make,
        )
        self.called_again = Counter(
            "fencepost_called_again",
            "Messages that went on after a call had failed or ended unknown, by its channel "
            "and how: the same call again, or the next channel.",
            ["channel", "how"],
            registry=make,
        )
        self.misconfigured = Counter(
            "fencepost_misconfigured",
            "Calls that a provider refused for our keys or settings: an alarm.",
            ["channel"],
            registry=make,
        )
        self.reports = Counter(
            "fencepost_reports",
            "What was told of deliveries by channel (`link`: by our own links): new, repeated, "
            "unknown, refused, lost (a link led on while the store was away).",
            ["channel", "outcome"],
            registry=make,
        )
        self.calls = Counter(
            "fencepost_journey_calls",
            "Look-ups and webhooks of journeys, by how they ended: answered, or the failure.",
            ["kind", "outcome"],
            registry=make,
        )
        self.links = Counter(
            "fencepost_links_asked",
            "Links of live messages that were asked: fine, broken, unreachable, not_asked.",
            ["outcome"],
            registry=make,
        )
        self.poison = Counter(
            "fencepost_pipeline_poison", "Log records that could not be processed.", registry=make
        )
        self.told = Counter(
            "fencepost_broadcast_persons",
            "Persons whom broadcasts have come to, whether it concerned them or not.",
            registry=make,
        )
        self.broadcasts = Gauge(
            "fencepost_broadcasts_open", "Broadcasts that are not through.", registry=make
        )
        self.lease_lost = Counter(
            "fencepost_leases_lost", "Outcomes dropped because the lease was lost.", registry=make
        )
        self.commit_seconds = Histogram(
            "fencepost_receipt_to_commit_seconds",
            "From the receipt of an upload to the commit of its effects.",
            buckets=LATENCY_BUCKETS_S,
            registry=make,
        )
        self.streams = Gauge(
            "fencepost_message_streams", "Streams of messages that are open.", registry=make
        )
        self.ack_level = Gauge(
            "fencepost_ack_level", "1 for the ack level in force.", ["level"], registry=make
        )
        self.pending = Gauge(
            "fencepost_pipeline_pending_records", "Log records not yet processed.", registry=make
        )

    def expose(self) -> bytes:
        """Write everything in the Prometheus text format."""
        return generate_latest(self.registry)
