"""
Doctor: looks an installation over and says what to do, in plain sentences.

Reads files and settings; writes nothing, locks nothing, calls nobody. So it may run beside a
gateway that serves, and where none does.

Rule 1. ``error``: something promised does not hold, or the gateway would not start. ``warning``: it
        runs, and somebody should look. ``fine``: looked at, nothing to do.
Rule 2. A check that cannot be made is an error of its own and stops no other.
Rule 3. No secret, address or text is shown: names of settings, of files and of documents are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import apsw
from msgspec import Struct

from fencepost_channels.driver import SettingsError
from fencepost_channels.registry import DriverLoadError, load_drivers
from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.credentials import (
    KEYS_FILE,
    PROOF_FILE,
    VAPID_FILE,
    open_credentials,
    read_proof_key,
)
from fencepost_gateway.decide.proof import verify
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Document, Origin, StoredDocument
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.models.template import Template
from fencepost_gateway.documents.notices import missing_notices
from fencepost_gateway.documents.shipped import default_documents
from fencepost_gateway.documents.world import messages_of, world_of
from fencepost_gateway.errors import StartError
from fencepost_gateway.reports.lines import counted
from fencepost_gateway.reports.proof_words import tell_verified
from fencepost_gateway.settings import Settings
from fencepost_gateway.stores.sqlite import SQLITE_MIN
from fencepost_gateway.stores.sqlite_file import ACK_ORDER, ack_level_of
from fencepost_gateway.stores.sqlite_proofs import read_heads, read_proofs
from fencepost_gateway.stores.sqlite_reading import (
    read_live,
    read_newest_ms,
    read_passed_over,
    read_unreadable,
)
from fencepost_gateway.workers.doors import channel_of
from fencepost_gateway.workers.lanes import wanted
from fencepost_gateway.workers.plans import stored

RELEASED_MS: Final = 1_767_225_600_000  # 2026-01-01: no clock that is right is before it
BACK_MS: Final = 60_000
DAY_MS: Final = 86_400_000
UNSIGNED_DAYS: Final = 2
NAMED_MAX: Final = 3

State = Literal["fine", "warning", "error"]


class Finding(Struct, frozen=True):
    """What a check found, and what to do about it (empty where there is nothing to do)."""

    check: str
    state: State
    says: str
    do: str = ""


class Patient(Struct, frozen=True):
    """What is looked over, and when."""

    settings: Settings
    now_ms: int

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    @property
    def has_store(self) -> bool:
        """Say whether there is a store to look into."""
        return self.settings.store != "memory" and (self.folder / "fencepost.db").exists()

    def live(self) -> list[StoredDocument]:
        """Give the documents in force: those that are live, and the shipped policy."""
        documents = stored(read_live(self.folder) if self.has_store else [])
        policies = [Policy.model_validate(d.body) for d in documents if d.kind == "policy"]
        has_default = any(not policy.jurisdiction for policy in policies)
        return documents if has_default else [*documents, *default_documents()]


def examine(settings: Settings, now_ms: int) -> Iterator[Finding]:
    """
    Look an installation over.

    Args:
        settings: The gateway's.
        now_ms: What the clock of this machine says.

    """
    patient = Patient(settings, now_ms)
    for name, look in CHECKS.items():
        if name in OF_THE_STORE and not patient.has_store:
            continue
        try:
            for state, says, do in look(patient):
                yield Finding(name, state, says, do)
        except (StartError, OSError, apsw.Error) as error:
            says = str(error) if isinstance(error, StartError) else type(error).__name__
            yield Finding(name, "error", says, "mend it, and run this again")


Look = Iterator[tuple[State, str, str]]


def _folder(patient: Patient) -> Look:
    folder = patient.folder
    if not folder.is_dir():
        yield "warning", f"{folder} is not there", "start the gateway once, or set data_dir"
        return
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield "error", f"others can look into {folder}", f"chmod 700 {folder}"
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield "error", f"{folder} is not yours to write", "run this as the gateway's user"
    else:
        yield "fine", f"{folder} is the gateway's alone", ""


def _keys(patient: Patient) -> Look:
    paths = [patient.folder / name for name in (KEYS_FILE, VAPID_FILE, PROOF_FILE)]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        named = ", ".join(missing)
        do = "the start makes them; if there were any before, restore them from a backup"
        yield "warning", f"not there: {named}", do
        return
    open_credentials(patient.folder)  # all are there: it makes none, and says what is wrong
    yield "fine", "the keys are there, and only the gateway's user can read them", ""


def _sqlite(_patient: Patient) -> Look:
    version = apsw.sqlite_lib_version()
    if tuple(int(n) for n in version.split(".")) < SQLITE_MIN:
        yield "error", f"SQLite {version} can lose commits", "pip install -U apsw"
    else:
        yield "fine", f"SQLite {version}", ""


def _ack_level(patient: Patient) -> Look:
    level, wish = ack_level_of(patient.folder), patient.settings.min_ack_level
    if ACK_ORDER.index(level) < ACK_ORDER.index(wish):
        do = "use a folder on a disk, or lower min_ack_level"
        yield "error", f"an event survives `{level}`, and min_ack_level is `{wish}`", do
    else:
        yield "fine", f"an acknowledged event survives `{level}`", ""


def _clock(patient: Patient) -> Look:
    do = "set this machine's clock, and keep it by NTP"
    if patient.now_ms < RELEASED_MS:
        yield "error", "this machine's clock is before this release was made", do
        return
    newest_ms = read_newest_ms(patient.folder) if patient.has_store else 0
    if newest_ms > patient.now_ms + BACK_MS:
        ahead_s = (newest_ms - patient.now_ms) // 1000
        yield "error", f"the store holds records of {ahead_s} s from now: the clock went back", do
    else:
        yield "fine", "the clock is plausible", ""


def _proofs(patient: Patient) -> Look:
    heads = read_heads(patient.folder)
    is_signed = read_proof_key(patient.folder).is_signed if heads else lambda _: False
    found = verify(read_proofs(patient.folder), heads, is_signed)
    signed = heads[-1].number if heads else 0
    unsigned = (p.received_ms for p in read_proofs(patient.folder) if p.number > signed)
    since_ms = next(unsigned, patient.now_ms)
    if not found.is_whole:
        yield "error", tell_verified(found), "keep the file as it is, and restore a backup"
    elif patient.now_ms - since_ms >= UNSIGNED_DAYS * DAY_MS:
        says = f"{found.count} proofs, and none was signed for {UNSIGNED_DAYS} days or more"
        yield "warning", says, "let the gateway run: it signs once a day"
    else:
        yield "fine", tell_verified(found), ""


def _rows(patient: Patient) -> Look:
    """Decode everybody: what happens to somebody whose row cannot be read is passed over."""
    said = []
    for what, (count, bad) in read_unreadable(patient.folder).items():
        said.append(f"{count:,} {what}s")
        if bad:
            named = ", ".join(bad[:NAMED_MAX])
            do = "keep the file as it is, and start the release that wrote it, or restore a backup"
            yield "error", f"{len(bad):,} of {count:,} {what} rows cannot be read: {named}", do
    yield "fine", f"looked at {' and '.join(said)}", ""


def _log(patient: Patient) -> Look:
    count, newest = read_passed_over(patient.folder, NAMED_MAX)
    if count:
        named = ", ".join(f"position {at} ({why})" for at, _, why in newest)
        do = "report it with the lines pipeline.poison of the log; what these tell had no effect"
        yield "error", f"{count:,} records were taken and could not be processed: {named}", do
    else:
        yield "fine", "every record that was taken could be processed", ""


def _policies(patient: Patient) -> Look:
    for document in patient.live():
        if document.kind != "policy":
            continue
        policy = Policy.model_validate(document.body)
        if policy.reviewed.by is None:
            do = "let somebody who knows the law read it, and publish it with their name"
            yield "warning", f"policy {policy.id} was reviewed by nobody", do
        else:
            yield "fine", f"policy {policy.id} was reviewed by {policy.reviewed.by}", ""


def _notices(patient: Patient) -> Look:
    world = world_of(_read(patient))
    missing = [
        (policy.id, what, how)
        for policy in world.policies
        for what, how in missing_notices(policy, world)
    ]
    for policy_id, what, how in missing:
        yield "warning", f"policy {policy_id} {what}, and nothing tells them", how
    if not missing:
        yield "fine", "people are told of their consent what policies want them told", ""


def _read(patient: Patient) -> list[Document]:
    return [Document(d.kind, d.id, d.body, Origin(f"{d.kind}/{d.id}")) for d in patient.live()]


def _documents(patient: Patient) -> Look:
    live = _read(patient)
    problems = check(live, [], lint_documents)
    for problem in problems:
        yield "warning", str(problem), "mend the document, and apply it again"
    if not problems:
        yield "fine", f"{counted(len(live), 'document')} in force", ""


def _channels(patient: Patient) -> Look:
    try:
        specs = load_drivers()
    except DriverLoadError as error:
        raise StartError(str(error)) from error
    if not all((patient.folder / name).exists() for name in (KEYS_FILE, VAPID_FILE, PROOF_FILE)):
        yield "warning", "not looked at: the keys are not there", "start the gateway once"
        return
    found = wanted(patient.settings, open_credentials(patient.folder))
    for channel, chosen in sorted(found.items()):
        spec = specs.get(chosen.driver)
        if spec is None or channel_of(channel) not in spec.channels:
            does = "is not installed" if spec is None else "does not serve this channel"
            do = f"set channels.{channel}.driver to one of: {', '.join(specs)}"
            yield "error", f"{channel}: driver {chosen.driver} {does}", do
            continue
        try:
            spec.parse_settings(chosen.settings)
        except SettingsError as error:
            yield "error", f"{channel}: {error}", f"set it under channels.{channel}.settings"
            continue
        yield "fine", f"{channel}: {chosen.driver}, and all that it needs is set", ""
    if found["web_push"].settings.get("vapid_subject", "").endswith("@example.com"):
        do = "set channels.web_push.settings.vapid_subject to a mailbox of yours"
        yield "warning", "web_push: push services have no mailbox to write to", do
    yield from _unserved(patient, {str(channel_of(key)) for key in found})


def _unserved(patient: Patient, served: set[str]) -> Look:
    for document in patient.live():
        wanted = {c for message in messages_of(document) for c in message.channels}
        for channel in sorted(wanted - served):
            says = f"{document.kind} {document.id} may go by {channel}, which has no driver"
            yield "warning", says, f"set channels.{channel}.driver, or take the channel out"


def _public_url(patient: Patient) -> Look:
    url = patient.settings.public_url
    templates = (each.body for each in patient.live() if each.kind == "template")
    needing = [each.id for each in map(Template.model_validate, templates) if _needs_links(each)]
    if not url and needing:
        says = f"public_url is not set, and template {needing[0]} is withheld without it"
        yield "error", says, "set public_url to where people reach this gateway"
    elif not url:
        yield "fine", "public_url is not set, and no template needs it", ""
    elif not url.startswith("https://"):
        yield "warning", "public_url is not https: links can be read on the way", "use https"
    else:
        yield "fine", "public_url is set", ""


def _needs_links(template: Template) -> bool:
    """Say whether a template is withheld where no link can be written (on one channel at least)."""
    return bool(template.confirms) or (
        template.purpose == "marketing" and template.email is not None
    )


CHECKS: Final[dict[str, Callable[[Patient], Look]]] = {
    "folder": _folder,
    "keys": _keys,
    "sqlite": _sqlite,
    "ack_level": _ack_level,
    "clock": _clock,
    "proofs": _proofs,
    "rows": _rows,
    "log": _log,
    "policies": _policies,
    "notices": _notices,
    "documents": _documents,
    "channels": _channels,
    "public_url": _public_url,
}
OF_THE_STORE: Final = frozenset({"ack_level", "proofs", "rows", "log"})
