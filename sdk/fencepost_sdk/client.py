"""
Client: the public face.

Not pure. Every call checks its arguments, goes to the core, and gives back what became of it; what
may go wrong on the way is caught by ``guard.py``. Nothing here touches the network: ``flush`` and
``explain(remote=True)`` wait for the worker, everything else returns after a local commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

from fencepost_sdk import arguments, fallback, report
from fencepost_sdk import consent as consents
from fencepost_sdk.answer import OK, read_object
from fencepost_sdk.assembly import core_of, user_agent
from fencepost_sdk.clock import Clock, SystemClock
from fencepost_sdk.explain import client_checks, event_checks
from fencepost_sdk.guard import Guard, InvalidCallError, MissingPart, guarded
from fencepost_sdk.inbox import Inbox, PendingMessages, listen
from fencepost_sdk.receiving import come_again
from fencepost_sdk.results import ConsentEntry, Explanation, FlushResult, Stats, Status, Tracked
from fencepost_sdk.settings import Settings
from fencepost_sdk.transport import Host, Transport
from fencepost_sdk.worker import MESSAGE_KINDS, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from types import TracebackType

    from fencepost_sdk.location import Location

DURABILITIES = ("os", "fsync")
VISIT_KINDS = frozenset({"enter", "exit", "dwell", "expire"})
KINDS = MESSAGE_KINDS | VISIT_KINDS | {"error"}
REMOTE_TIMEOUT_S = 10.0


class Client:
    """One connection of an app to its gateway; made by ``init``."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.guard = Guard(
            strict=settings.strict is True, debug=settings.debug, on_error=settings.on_error
        )
        self._clock = clock or SystemClock()
        host = self._checked(settings)
        self._core = core_of(settings, self._clock, self.guard)
        transport, second = None, None
        if host is not None:
            headers = {"Authorization": f"Bearer {settings.key}", "User-Agent": user_agent()}
            transport = Transport(host, headers, self._core.limits)
            second = Transport(host, headers, self._core.limits)
        self._has_transport = transport is not None
        self._location = cast("Location", MissingPart(self.guard, "location"))
        self._inbox = Inbox(self._core, self.guard)
        self._messages = PendingMessages(self._core, self.guard)
        self._worker = Worker(self._core, self.guard, transport, second)
        self._attach(settings)
        self.foreground()

    @guarded(fallback.no_host)
    def _checked(self, settings: Settings) -> Host | None:
        """Read the address; without one nothing is sent, and everything is kept."""
        arguments.check_key(settings.key)
        arguments.check_choice("durability", settings.durability, DURABILITIES)
        return arguments.host(settings.host)

    @guarded(fallback.nothing)
    def _attach(self, settings: Settings) -> None:
        if settings.location is not None:
            settings.location.attach(self._core, self.guard)
            self._location = settings.location
        said = {entry.purpose for entry in self._core.entries()}
        values = {p: v for p, v in (settings.consent or {}).items() if p not in said}
        if values:
            self._core.set_consent(
                arguments.consent_values(values),
                consents.ANY,
                arguments.proof("init", None, None, self._core.language),
            )

    # -- parts -------------------------------------------------------------------------------------

    @property
    def location(self) -> Location:
        """Positions; inert unless ``init(location=Location())``."""
        return self._location

    @property
    def inbox(self) -> Inbox:
        """Cards kept for the person; using it begins to ask the gateway."""
        return self._inbox

    @property
    def messages(self) -> PendingMessages:
        """Messages that wait to be shown; using it begins to ask the gateway."""
        return self._messages

    @property
    def device_id(self) -> str:
        """The id of this device: one store, one device."""
        return self._core.identity.device_id

    # -- events ------------------------------------------------------------------------------------

    @guarded(fallback.dropped)
    def identify(
        self, user_id: str, traits: Mapping[str, object] | None = None, *, merge: bool = False
    ) -> Tracked:
        """
        Link this device's person to ``user_id``; another id than before logs out first.

        Args:
            user_id: Who it is.
            traits: Attributes to set.
            merge: What this visitor did before is theirs, where the gateway waits to be told so
                (merge policy ``explicit``).

        """
        arguments.check_text("user_id", user_id)
        arguments.check_object(self._core.limits, "traits", traits)
        if not isinstance(merge, bool):
            raise InvalidCallError("merge must be True or False")
        return self._core.identify(user_id, traits, merge=merge)

    @guarded(fallback.dropped)
    def track(
        self,
        name: str,
        props: Mapping[str, object] | None = None,
        *,
        at: datetime | None = None,
        priority: str = "normal",
    ) -> Tracked:
        """
        Keep one app event.

        Args:
            name: What happened, like ``cart_viewed``.
            props: Facts about it that JSON can carry.
            at: When it happened, aware; None: now.
            priority: ``now`` sends it at once.

        Returns:
            What became of it; any level but ``dropped`` means that it is kept.

        """
        arguments.check_choice("priority", priority, ("normal", "now"))
        return self._named("track", name, props, at, now=priority == "now")

    @guarded(fallback.dropped)
    def screen(self, name: str, props: Mapping[str, object] | None = None) -> Tracked:
        """Keep that a screen was shown."""
        return self._named("screen", name, props, None, now=False)

    @guarded(fallback.dropped)
    def set(self, traits: Mapping[str, object]) -> Tracked:
        """Set attributes of the person; None removes one, a missing key is left alone."""
        arguments.check_object(self._core.limits, "traits", traits)
        if not traits:
            raise InvalidCallError("traits must be a mapping with something in it")
        return self._core.record("set", {"traits": traits})

    @guarded(fallback.dropped)
    def unset(self, *names: str) -> Tracked:
        """Remove attributes of the person."""
        for name in names:
            arguments.check_text("names", name)
        return self._core.record("set", {"traits": dict.fromkeys(names)})

    @guarded(fallback.dropped)
    def set_address(
        self, channel: str, address: str | Mapping[str, object], *, removed: bool = False
    ) -> Tracked:
        """
        Say where a channel reaches the person.

        Args:
            channel: ``email``, ``sms``, ``push``, ``web_push`` or ``webhook``.
            address: The address, the number, the target of a webhook (what another system calls
                the kiosk or screen), the Web Push subscription, or what the phone was registered
                as: ``{"service": "apns", "token": …}``, or ``fcm``, with ``environment`` and
                ``topic`` if you like.
            removed: Whether it is no longer to be used.

        """
        arguments.check_choice("channel", channel, ("email", "sms", "push", "web_push", "webhook"))
        fields: dict[str, object] = {"channel": channel}
        member = {"web_push": "subscription", "push": "registration"}.get(channel)
        if member is not None:
            arguments.check_object(self._core.limits, member, address)
            fields[member] = address
        else:
            member = "target" if channel == "webhook" else "address"
            arguments.check_text(member, address)
            fields[member] = address
        return self._core.record("address", {**fields, "removed": True} if removed else fields)

    def _named(
        self,
        kind: str,
        name: str,
        props: Mapping[str, object] | None,
        at: datetime | None,
        *,
        now: bool,
    ) -> Tracked:
        arguments.check_text("name", name)
        fields: dict[str, object] = {"name": name}
        if props is not None:
            arguments.check_object(self._core.limits, "props", props)
            fields["props"] = props
        return self._core.record(kind, fields, arguments.moment_ms(at), now=now)

    # -- consent -----------------------------------------------------------------------------------

    @guarded(fallback.dropped)
    def set_consent(
        self,
        values: Mapping[str, str],
        *,
        text: str | None = None,
        surface: str | None = None,
        channel: str | None = None,
        wording: str | None = None,
    ) -> Tracked:
        """
        Change consent; it holds on this device before the call returns.

        Args:
            values: Purpose to value, like ``{"location_collect": "y"}``.
            text: Id of the wording the person saw.
            surface: Screen or page where it was said.
            channel: The channel it is about; None: all of them.
            wording: The very words the person saw; only their SHA-256 travels, as proof.

        """
        if channel is not None:
            arguments.check_choice("channel", channel, sorted(consents.CHANNELS))
        proof = arguments.proof("sdk", text, surface, self._core.language)
        proof |= arguments.wording_proof(wording)
        return self._core.set_consent(
            arguments.consent_values(values), channel or consents.ANY, proof
        )

    @guarded(fallback.no_consent)
    def get_consent(self) -> Mapping[str, ConsentEntry]:
        """Say for every purpose what holds now, and why."""
        entries, policy = self._core.entries(), self._core.policy
        held: dict[str, ConsentEntry] = {}
        for purpose in consents.NEEDS:
            ruling = consents.evaluate(entries, policy, purpose)
            said = {e.channel: e.value for e in entries if e.purpose == purpose}
            value = said.pop(consents.ANY, "u")
            held[purpose] = ConsentEntry(
                value, ruling.allowed, ruling.purpose, ruling.said_for, said
            )
        return held

    # -- listening ---------------------------------------------------------------------------------

    @guarded(lambda _: fallback.do_nothing)
    def on(self, kind: str, callback: Callable[[Any], object]) -> Callable[[], None]:
        """
        Call ``callback`` when something of ``kind`` happens, in a thread of ours.

        Args:
            kind: ``message``, ``card``, ``error``, or of visits to the fences around the device
                ``enter``, ``exit``, ``dwell``, ``expire``.
            callback: Takes the ``Message``, the exception, or the ``Visit``. To a ``message`` it
                may answer ``"show"`` (as does None), ``"later"`` or ``"discard"``, within two
                seconds.

        Returns:
            What ends it.

        """
        arguments.check_choice("kind", kind, sorted(KINDS))
        if not callable(callback):
            raise InvalidCallError("callback must be callable")
        if kind in MESSAGE_KINDS:
            listen(self._core)
        ends = self._worker.listen(kind, callback)
        if kind in VISIT_KINDS:
            self._location.watch()
        return ends

    @guarded(fallback.nothing)
    def foreground(self) -> None:
        """Say that the app was opened again: what may be shown more than once comes again."""
        come_again(self._core)

    # -- sending, seeing ---------------------------------------------------------------------------

    @guarded(lambda reason: FlushResult(0, 0, reason))
    def flush(self, timeout_s: float = 10.0) -> FlushResult:
        """Send what can be sent within ``timeout_s``."""
        core = self._core
        with core.lock:
            end_ms = self._clock.steady_ms() + int(timeout_s * 1_000)
            target = core.store.newest_key()
            before = core.store.left(target)
            core.flushes += 1
            core.uploader.hurry(self._clock.steady_ms())
            core.changed.notify_all()
            try:
                why = self._drain(target, end_ms)
            finally:
                core.flushes -= 1
            left = 0 if core.is_closed else core.store.left(target)
            held = 0 if core.is_closed else sum(core.store.totals.held)
            return FlushResult(before - left, left + held, why or ("held" if held else ""))

    def _drain(self, target: int, end_ms: int) -> str:
        """Wait until nothing up to ``target`` is left; say why when that will not be."""
        core = self._core
        while not core.is_closed and core.store.left(target):
            now_ms = self._clock.steady_ms()
            if not self._has_transport:
                return "no_host"
            if self._worker.is_current:
                return "in_callback"  # this thread is the one that sends
            if now_ms >= end_ms or core.uploader.not_before_ms > end_ms:
                stopped, code = core.uploader.stopped, core.uploader.last_code
                return f"stopped:{stopped}" if stopped else (code or "timeout")
            core.changed.wait((end_ms - now_ms) / 1_000)
        return ""

    @guarded(lambda _: report.CLOSED)
    def status(self) -> Status:
        """Say in one word and one sentence how the client is."""
        return report.status(self._core, has_host=self._has_transport)

    def stats(self) -> Stats:
        """Count what was kept, sent and lost; zeros when the client is closed."""
        return self._stats() or report.empty(self.guard)

    @guarded(fallback.no_stats)
    def _stats(self) -> Stats | None:
        return report.stats(self._core, self.guard)

    @guarded(lambda reason: Explanation("", (), {"error": reason}))
    def explain(self, subject: str | None = None, *, remote: bool = False) -> Explanation:
        """
        Say why an event is where it is, or how the client is.

        Args:
            subject: ``Tracked.event_id``, or, with ``remote``, an id of the gateway; None: the
                client itself.
            remote: Ask the gateway for its record too; waits up to 10 s.

        """
        core = self._core
        if subject is None:
            collects, locates = core.allows("collect"), core.allows("location_collect")
            checks = client_checks(self.status(), core.level, collects=collects, locates=locates)
            return Explanation("client", checks)
        arguments.check_text("subject", subject)
        with core.lock:
            checks = event_checks(core.store.known(subject), self.status())
        return Explanation(subject, checks, self._asked(subject) if remote else None)

    def _asked(self, subject: str) -> Mapping[str, object]:
        if self._worker.is_current:
            return {"error": "in_callback"}
        reply = self._worker.ask(f"/v1/explain/{quote(subject, safe='')}", REMOTE_TIMEOUT_S)
        told = None if reply is None else read_object(reply.body)
        if reply is None or told is None:
            return {"error": "no_answer"}
        return told if reply.status == OK else {"error": told.get("code", reply.status)}

    # -- ends --------------------------------------------------------------------------------------

    @guarded(fallback.nothing)
    def reset(self) -> None:
        """Log out: a new anonymous person; queue, device and refusals stay."""
        self._core.reset()

    def shutdown(self, timeout_s: float = 5.0) -> None:
        """Send what can be sent within ``timeout_s``, then end; what is left stays on disk."""
        end_ms = self._clock.steady_ms() + int(timeout_s * 1_000)
        self.flush(timeout_s)
        self._end(max(0.0, (end_ms - self._clock.steady_ms()) / 1_000))

    @guarded(fallback.nothing)
    def _end(self, timeout_s: float) -> None:
        self._worker.stop(timeout_s)
        self._core.close(self.guard)
        self.guard.is_closed = True

    def __enter__(self) -> Self:
        """Use the client for a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Shut down at the end of the block."""
        self.shutdown()
