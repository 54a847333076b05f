"""
Errors: every code the HTTP surface can answer, with whose fault it is and what to do.

One table; problem+json (RFC 9457), the reference page and the tests read it. An expected outcome
inside the core is a value, never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Whose = Literal["yours", "ours", "operator"]


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A code: HTTP status, whose mistake, a sentence, a remedy."""

    code: str
    status: int
    whose: Whose
    sentence: str
    remedy: str

    @property
    def retryable(self) -> bool:
        """Say whether the same request may succeed later."""
        return self.status >= 500 or self.status == 429  # noqa: PLR2004 - RFC 9110 section 15.6


ERRORS: dict[str, ErrorCode] = {
    e.code: e
    for e in (
        ErrorCode(
            "malformed",
            400,
            "yours",
            "The body or the query is not what this route takes.",
            "Send what the reference documents, a body as UTF-8 JSON; the path says what is off.",
        ),
        ErrorCode(
            "unsupported_version",
            400,
            "yours",
            "This version of the wire protocol is not spoken here.",
            'Send `"v": 1`.',
        ),
        ErrorCode(
            "not_snapped",
            400,
            "yours",
            "The coordinates say more than which cell of 0.01 degrees the device is in.",
            "Round lat and lon to two digits before they leave the device.",
        ),
        ErrorCode(
            "multiple_members",
            400,
            "yours",
            "The gzip body has bytes after its first member.",
            "Send exactly one gzip member.",
        ),
        ErrorCode(
            "key_unknown",
            401,
            "yours",
            "The key is missing or not one of this gateway's.",
            "Send `Authorization: Bearer pk_…` (events) or `sk_…` (operator); see keys.json.",
        ),
        ErrorCode(
            "device_secret",
            401,
            "yours",
            "This device is known with another secret.",
            "Send `Fencepost-Device: <device_id>.<secret>` as at first sight.",
        ),
        ErrorCode(
            "key_scope",
            403,
            "yours",
            "The key may not do this.",
            "Use an operator key (`sk_…`) on a server.",
        ),
        ErrorCode(
            "callback_refused",
            403,
            "yours",
            "The request is not signed as its provider signs; nothing was changed.",
            "Check the channel's secret and that `public_url` is the address the provider calls.",
        ),
        ErrorCode(
            "location_consent",
            403,
            "yours",
            "The person does not allow their location to be collected, so nothing near is told.",
            "Send a consent event with `location_collect` first; ask again only after it.",
        ),
        ErrorCode("no_route", 404, "yours", "There is no such route.", "See /v1/openapi.json."),
        ErrorCode("not_found", 404, "yours", "There is nothing of this id.", "Check the id."),
        ErrorCode(
            "method",
            405,
            "yours",
            "The route does not take this method.",
            "See /v1/openapi.json.",
        ),
        ErrorCode(
            "conflict",
            409,
            "yours",
            "Others keep publishing at the same time; nothing of this was applied.",
            "Send it again: it is checked against what they published.",
        ),
        ErrorCode(
            "not_startable",
            409,
            "yours",
            "This journey or campaign does not start by a call.",
            "Add `api: true` to its entries.",
        ),
        ErrorCode(
            "journey_is_stopped",
            409,
            "yours",
            "The journey or campaign was stopped: everybody has left it.",
            "Open it first; whoever was in it stays out.",
        ),
        ErrorCode(
            "key_reused",
            409,
            "yours",
            "This key named a call for another person.",
            "Give each call a key of its own; the same key only to try the same call again.",
        ),
        ErrorCode(
            "listed_by_person",
            409,
            "yours",
            "The person themselves asked not to be written to, so an operator cannot undo it.",
            "Wait for a new consent of the person.",
        ),
        ErrorCode(
            "too_large",
            413,
            "yours",
            "The request is larger than the limit.",
            "Split it; the detail names the bound.",
        ),
        ErrorCode(
            "ratio",
            413,
            "yours",
            "The body inflates to more than 100 times its size.",
            "Send real data.",
        ),
        ErrorCode(
            "encoding",
            415,
            "yours",
            "The Content-Encoding is not supported.",
            "Send gzip or none.",
        ),
        ErrorCode(
            "documents",
            422,
            "yours",
            "The documents have errors; nothing was applied.",
            "Mend what `problems` lists, then apply again.",
        ),
        ErrorCode(
            "import",
            422,
            "yours",
            "Some rows cannot be imported; nothing was.",
            "Mend what `problems` lists, or accept that they stay out: `accept: true`, `--accept`.",
        ),
        ErrorCode(
            "too_many",
            429,
            "yours",
            "So many things are being told to everybody that one more would have to wait long.",
            "Try again after `Retry-After`; GET /v1/broadcasts says how far they are.",
        ),
        ErrorCode(
            "too_many_streams",
            503,
            "ours",
            "So many devices have a stream of messages open that there is no place for one more.",
            "Ask GET /v1/messages meanwhile; try again after `Retry-After`.",
        ),
        ErrorCode(
            "store_unavailable",
            503,
            "ours",
            "The store cannot write at the moment; nothing was taken.",
            "Try again after `Retry-After`.",
        ),
        ErrorCode(
            "internal",
            500,
            "ours",
            "Something is wrong on our side; it was logged.",
            "Try again; if it stays, tell the operator the time of the request.",
        ),
    )
}


class ApiError(Exception):
    """An answer that is a problem; ``detail`` and ``path`` never echo contents."""

    def __init__(self, code: str, detail: str = "", path: str = "") -> None:
        super().__init__(code)
        self.error = ERRORS[code]
        self.detail = detail
        self.path = path


class StartError(Exception):
    """The gateway cannot start or a command cannot run: what, where, and how to mend it."""


class StoreUnavailableError(Exception):
    """The store could not commit; nothing of the unit of work is in it."""
