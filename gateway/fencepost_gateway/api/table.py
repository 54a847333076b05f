"""
Table: the whole HTTP surface, one row a route.

The application is built from it, OpenAPI is generated from it, and the tests loop over it: every
row has a role, a summary and an answer.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from fencepost_gateway.api import (
    audiences,
    batch,
    broadcasts,
    callbacks,
    calls,
    confirm,
    decisions,
    device,
    documents,
    explain,
    fence_health,
    fence_visits,
    health,
    history,
    imports,
    inbox,
    journeys,
    letters,
    lists,
    nearby,
    openapi,
    operate,
    outcomes,
    persons,
    preferences,
    problems,
    proofs,
    receipts,
    refusals,
    requests,
    start,
    tail,
    trials,
    unsubscribe,
)
from fencepost_gateway.api.surface import SURFACE, Handler, Route, Surface, require, require_known

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/v1/batch", batch.post_batch, "device",
        "Send events and positions; one verdict per event.", "BatchAnswer", body="Batch",
        errors=("malformed", "unsupported_version", "multiple_members", "device_secret",
                "too_large", "ratio", "encoding", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/messages", inbox.get_messages, "device",
        "In-app messages and cards of the calling device's person, and what is gone.", "Messages",
        query={"after": "Cursor of the last answer."}, errors=("malformed", "device_secret"),
    ),
    Route(
        "GET", "/v1/messages/stream", inbox.get_stream, "device",
        "The same as they come: server-sent events `message`, `card` and `retract`; the header "
        "`Last-Event-ID` is the cursor.", "MessageStream",
        query={"after": "Cursor of the last answer, without that header."},
        errors=("malformed", "device_secret", "too_many_streams"),
    ),
    Route(
        "GET", "/v1/fences/nearby", nearby.get_nearby, "device",
        "Fences around a cell of 0.01 degrees, for a device that watches them itself.", "Nearby",
        query={"lat": "Latitude, rounded to 0.01 degrees.",
               "lon": "Longitude, rounded to 0.01 degrees.",
               "limit": "How many nearest the device needs; 200, at most 500.",
               "library": "Only fences of this library.",
               "tag": "Only fences with this tag.",
               "open": "`now`: only fences that are open now.",
               "have": "`have` of the last answer: only what changed since comes, if it is known."},
        errors=("malformed", "not_snapped", "device_secret", "location_consent"),
    ),
    Route(
        "GET", "/v1/config", device.get_config, "device",
        "What an app needs to know.", "Config", errors=("malformed",),
    ),
    Route(
        "GET", "/v1/explain/{id}", device.get_explain, "device",
        "Why the caller's own message came or did not; not in production.", "Explanation",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "device_secret", "key_scope", "not_found"),
    ),
    Route(
        "POST", "/v1/documents", documents.post_documents, "team",
        "Check and publish documents, all or nothing.", "Applied", body="ApplyRequest",
        errors=("malformed", "too_large", "documents", "conflict", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/documents", documents.get_documents, "team",
        "What is live.", "Documents", errors=("malformed",),
    ),
    Route(
        "DELETE", "/v1/documents/{kind}/{id}", documents.delete_document, "team",
        "Archive a document.", "Archived",
        errors=("not_found", "documents", "conflict", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/fences", imports.get_fences, "team",
        "The live fences as GeoJSON or CSV.", "FeatureCollection",
        query={"format": "`geojson` (default) or `csv`."}, errors=("malformed",),
    ),
    Route(
        "GET", "/v1/fences/health", fence_health.get_fence_health, "operator",
        "Which fences need mending, worst first: flaps, undecided fixes, delay, size, overlaps.",
        "FenceHealth",
        query={"days": "Of how many days, today among them; 7, at most 31.",
               "fence": "Only this fence; repeatable, at most 100.",
               "limit": "How many fences; 100, at most 1,000.",
               "after": "`next` of the last answer."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "GET", "/v1/fences/visits", fence_visits.get_fence_visits, "operator",
        "Visits, persons, dwell, repeat rate and hours of fences; groups under 10 are hidden.",
        "FenceVisits",
        query={"days": "Of how many whole days that are over; 7, at most 31.",
               "fence": "Only this fence; repeatable, at most 100.",
               "tag": "Only fences with this tag.",
               "library": "Only fences of this library.",
               "limit": "How many fences; 100, at most 1,000.",
               "after": "`next` of the last answer."},
        errors=("malformed", "not_found", "too_large"),
    ),
    Route(
        "POST", "/v1/fences/import", imports.post_import, "team",
        "Import fences from CSV, GeoJSON, KML and GPX, with a verdict for each bad row.",
        "Imported", body="ImportRequest",
        errors=("malformed", "too_large", "import", "conflict", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/audiences", audiences.get_audiences, "operator",
        "Every audience: how many belong, and who joined and left within seven days.", "Audiences",
        errors=("malformed",),
    ),
    Route(
        "GET", "/v1/audiences/{id}", audiences.get_audience, "operator",
        "One audience week by week.", "AudienceWeeks",
        query={"weeks": "How many, this one among them; 12, at most 104."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "POST", "/v1/audiences/size", audiences.post_size, "operator",
        "How many would belong by a rule that is not published.", "AudienceSize",
        body="SizeRequest", errors=("malformed", "too_large"),
    ),
    Route(
        "POST", "/v1/external", broadcasts.post_external, "operator",
        "Tell of something outside that concerns many; the same `id` again wakes nobody.",
        "Announced", body="ExternalRequest",
        errors=("malformed", "too_large", "too_many", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/refusals", refusals.get_refusals, "operator",
        "What people wrote back that may be a no, for somebody to look at.", "Refusals",
        query={"limit": "How many, the oldest first; 100, at most 1,000."},
        errors=("malformed",),
    ),
    Route(
        "POST", "/v1/refusals/looked-at", refusals.post_looked_at, "operator",
        "Say that somebody has looked at what was written; perhaps that it is a STOP.",
        "LookedAt", body="LookedAtRequest",
        errors=("malformed", "not_found", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/messages/dead", letters.get_dead, "operator",
        "Messages that failed through our side and are not too old: for whom, and why.",
        "DeadMessages",
        query={"limit": "How many; 100, at most 1,000.", "after": "`next` of the last answer."},
        errors=("malformed",),
    ),
    Route(
        "POST", "/v1/messages/dead/redrive", letters.post_redrive, "operator",
        "Try messages again that failed through our side: one, those of a campaign, or all.",
        "TriedAgain", body="RedriveMessages", errors=("malformed", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/webhooks/dead", calls.get_dead, "operator",
        "Webhooks that were given up: whom they are about, where to, and why.", "DeadWebhooks",
        query={"limit": "How many; 100, at most 1,000.", "after": "`next` of the last answer."},
        errors=("malformed",),
    ),
    Route(
        "POST", "/v1/webhooks/dead/redrive", calls.post_redrive, "operator",
        "Try webhooks again that were given up: one, those of a source, or all.", "TriedAgain",
        body="RedriveRequest", errors=("malformed", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/broadcasts", broadcasts.get_broadcasts, "operator",
        "What many were told of: external events, schedules, members who are taken in.",
        "Broadcasts",
        query={"name": "Only those of this name: an external event, `schedule`, an audience.",
               "limit": "How many, the newest first; 20, at most 200.",
               "before": "`next` of the last answer."},
        errors=("malformed",),
    ),
    Route(
        "GET", "/v1/journeys", journeys.get_journeys, "operator",
        "Every journey and campaign: its state, who entered, waits and left.", "Journeys",
        query={"days": "Count what happened on so many days, today among them; all."},
        errors=("malformed",),
    ),
    Route(
        "GET", "/v1/journeys/{id}", journeys.get_journey, "operator",
        "Where people are in a journey: by step and stage, left by which way, stuck.", "Journey",
        query={"days": "Count what happened on so many days, today among them; all."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "POST", "/v1/journeys/{id}/control", journeys.post_control, "operator",
        "Pause, resume, close, open, stop or roll back a journey or campaign.", "Controlled",
        body="ControlRequest",
        errors=("malformed", "not_found", "journey_is_stopped", "documents", "conflict",
                "store_unavailable"),
    ),
    Route(
        "POST", "/v1/journeys/{id}/start", start.post_start, "operator",
        "Start a journey or campaign for one person; the same `key` again starts nothing.",
        "Started", body="StartRequest",
        errors=("malformed", "too_large", "not_found", "not_startable", "key_reused",
                "store_unavailable"),
    ),
    Route(
        "GET", "/v1/decisions", decisions.get_decisions, "operator",
        "Decision records in order, of everybody or one user.", "Records",
        query={"after": "Cursor of the last answer.", "limit": "At most 200.",
               "user_id": "Only this user's."},
        errors=("malformed",),
    ),
    Route(
        "GET", "/v1/decisions/{id}", decisions.get_decision, "operator",
        "Everything about one message, delivery, run or visit, in words.", "Explanation",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "GET", "/v1/explain", explain.get_why, "operator",
        "Why somebody did, or did not, get a message in a span of time.", "Why",
        query={"user": "User id.",
               "person": "Person id, instead of a user id.",
               "campaign": "Only this campaign, with why it was never considered.",
               "from": "Begin, such as `2026-06-02T18:00`, in the person's zone; 7 days before.",
               "to": "End; now.",
               "lang": "`en` or `ko`; default: the best of `Accept-Language`.",
               "limit": "How many decisions; 50, at most 200.",
               "after": "`next` of the last answer."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "GET", "/v1/tail", tail.get_tail, "operator",
        "One person or device live: what happened behind a cursor, without positions.", "Tail",
        query={"user": "User id.",
               "person": "Person id, instead of a user id.",
               "device": "Only what this device of theirs told.",
               "after": "Cursor of the last answer; without it the newest, see `last`.",
               "last": "Without `after`: how much of before; 0, at most 100.",
               "wait": "With `after`: for how many seconds to wait for something; 0, at most 25.",
               "lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "too_many"),
    ),
    Route(
        "GET", "/v1/persons/{user_id}", persons.get_person, "operator",
        "Everything that is known of a user; channels without the addresses.", "Person",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "GET", "/v1/persons", persons.find_persons, "operator",
        "The same of a user, or of whoever has an address; at most five persons.", "Persons",
        query={"user": "User id.",
               "email": "Email address, as the app told it.",
               "phone": "Number, as the app told it.",
               "person": "Person id.",
               "lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "GET", "/v1/history", history.get_history, "operator",
        "What happened to a person and what was decided, the newest first; values are masked.",
        "Timeline",
        query={"user": "User id.",
               "person": "Person id, instead of a user id.",
               "limit": "How many records of history; 50, at most 500.",
               "before": "`before` of the last answer: what came earlier.",
               "lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "GET", "/v1/requests", requests.get_requests, "operator",
        "Who asked on the preference page for a copy of their data or to be erased, and by when "
        "it is answered.", "DataRequests",
        query={"limit": "How many, the oldest first; 100, at most 1,000.",
               "after": "`next` of the last answer."},
        errors=("malformed",),
    ),
    Route(
        "POST", "/v1/suppressions", operate.post_suppressions, "operator",
        "Put an address on the suppression list.", "Suppressed", body="SuppressRequest",
        errors=("malformed",),
    ),
    Route(
        "GET", "/v1/lists/{list}", lists.get_list, "operator",
        "The suppression list (`suppression`) or the allow list (`allow`): references, no address.",
        "AddressList",
        query={"limit": "At most 1,000.", "after": "`next` of the last answer."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "POST", "/v1/lists/{list}", lists.post_list, "operator",
        "Put an address on a list.", "Listed", body="ListRequest",
        errors=("malformed", "not_found", "store_unavailable"),
    ),
    Route(
        "DELETE", "/v1/lists/{list}", lists.delete_list, "operator",
        "Take an address off a list.", "Listed", body="ListRequest",
        errors=("malformed", "not_found", "listed_by_person", "store_unavailable"),
    ),
    Route(
        "POST", "/v1/lists/{list}/import", lists.post_list_import, "operator",
        "Put the addresses of a CSV on a list, with a verdict for each bad row.", "ListImported",
        body="ListImport", errors=("malformed", "too_large", "not_found", "store_unavailable"),
    ),
    Route(
        "POST", "/v1/proofs", proofs.post_proofs, "operator",
        "Send a template to a test person, by the real renderer and driver.", "ProofAsked",
        body="ProofRequest", errors=("malformed", "store_unavailable"),
    ),
    Route(
        "POST", "/v1/trial", trials.post_trial, "operator",
        "Put campaigns and journeys on trial: for test persons, or for everybody as a shadow.",
        "TrialBegun", body="TrialRequest", errors=("malformed", "documents", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/trial", trials.get_trial, "operator",
        "What is on trial, and what it would have sent so far.", "Trial",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed",),
    ),
    Route(
        "DELETE", "/v1/trial", trials.delete_trial, "operator",
        "End the trial; nothing is left of it.", "TrialEnded", errors=("store_unavailable",),
    ),
    Route(
        "GET", "/v1/trial/persons/{user_id}", trials.get_trial_person, "operator",
        "What came of the trial for a test person, and what they were shown.", "TrialPerson",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed", "not_found"),
    ),
    Route(
        "POST", "/v1/trial/reactions", trials.post_trial_reaction, "operator",
        "Let a test person react to a message that they were shown.", "TrialReaction",
        body="ReactionRequest", errors=("malformed", "not_found", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/outcomes", outcomes.get_outcomes, "operator",
        "How many messages went, wait, or did not go, and why; the sums add up.", "Outcomes",
        query={"campaign": "Only this campaign's.",
               "from": "Made from, such as `2026-06-02T18:00`, in the workspace's zone; 7 days "
                       "before.",
               "to": "Made before; now.",
               "lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("malformed",),
    ),
    Route(
        "POST", "/v1/emergency-stop", operate.post_emergency_stop, "operator",
        "Stop all marketing, or let it go on.", "EmergencyStop", body="StopRequest",
        errors=("malformed",),
    ),
    Route(
        "GET", "/v1/confirm/{token}", confirm.get_confirm, "open",
        "The page that asks somebody to confirm a consent; it changes nothing.", "page",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
    ),
    Route(
        "POST", "/v1/confirm/{token}", confirm.post_confirm, "open",
        "Confirm the consent that a message asked about; again changes nothing.", "page",
        query={"lang": "`en` or `ko`; default: the best of `Accept-Language`."},
        errors=("store_unavailable",),
    ),
    Route(
        "POST", "/v1/callbacks/{lane}", callbacks.post_callback, "open",
        "A provider tells what became of messages of a channel, signed in its own way.", "text",
        errors=("not_found", "callback_refused", "too_large", "store_unavailable"),
    ),
    Route(
        "GET", "/v1/unsubscribe/{token}", unsubscribe.get_unsubscribe, "open",
        "The page behind `{{ unsubscribe.link }}`; it changes nothing.", "page",
        query={"lang": "`en` or `ko`; default: the reader's."},
    ),
    Route(
        "POST", "/v1/unsubscribe/{token}", unsubscribe.post_unsubscribe, "open",
        "Say no to advertising on the channel of a message, by one click (RFC 8058); again "
        "changes nothing.", "page",
        query={"lang": "`en` or `ko`; default: the reader's."},
        errors=("store_unavailable",),
    ),
    Route(
        "GET", "/v1/preferences/{token}", preferences.get_preferences, "open",
        "The page behind `{{ preferences.link }}`: what somebody allows; it changes nothing.",
        "page", query={"lang": "`en` or `ko`; default: the reader's."},
    ),
    Route(
        "POST", "/v1/preferences/{token}", preferences.post_preferences, "open",
        "Take the form of that page, all of it in one commit.", "page",
        query={"lang": "`en` or `ko`; default: the reader's."},
        errors=("too_large", "store_unavailable"),
    ),
    Route(
        "POST", "/v1/reports/{ticket}", receipts.post_report, "open",
        "The receiver's machine tells that a message was displayed, clicked or dismissed.",
        "nothing", body="ReceiptReport",
        errors=("malformed", "not_found", "too_large", "store_unavailable"),
    ),
    Route(
        "OPTIONS", "/v1/reports/{ticket}", receipts.options_report, "open",
        "Lets a page of another origin report.", "nothing",
    ),
    Route(
        "GET", "/v1/click/{ticket}", receipts.get_click, "open",
        "Leads on to the page of a link in a message, and counts that; a prefetch counts nothing.",
        "redirect", query={"to": "The page; the ticket is signed over it."},
    ),
    Route(
        "HEAD", "/v1/click/{ticket}", receipts.head_click, "open",
        "Leads on, and counts nothing.", "redirect",
        query={"to": "The page; the ticket is signed over it."},
    ),
    Route(
        "GET", "/v1/open/{ticket}", receipts.get_open, "open",
        "The pixel of an email: counts that it was opened.", "pixel", errors=("not_found",),
    ),
    Route("GET", "/healthz", health.get_healthz, "open", "The process lives.", "Health"),
    Route(
        "GET", "/readyz", health.get_readyz, "open",
        "Events are taken; the ack level in force.", "Readiness",
    ),
    Route("GET", "/metrics", health.get_metrics, "open", "Prometheus metrics.", "text"),
    Route(
        "GET", "/v1/openapi.json", openapi.get_openapi, "open", "This surface as OpenAPI.",
        "OpenAPI",
    ),
    Route(
        "GET", "/errors/{code}", problems.get_error, "open",
        "What an error code means and what to do.", "text", errors=("not_found",),
    ),
)  # fmt: skip


def build(surface: Surface) -> web.Application:
    """Make the web application of a surface."""
    app = web.Application(middlewares=[problems.problems])
    app[SURFACE] = surface
    app[openapi.DESCRIPTION] = openapi.describe(ROUTES)
    app[audiences.DESK] = asyncio.Lock()
    app[fence_health.DESK] = fence_health.HealthDesk()
    app[tail.TAILS] = set()
    app[inbox.DESK] = inbox.Desk(surface.settings.streams)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _guarded(route))
    return app


def _guarded(route: Route) -> Handler:
    """Put the checks of role and query before the handler."""
    if route.role == "open":
        return route.handler

    async def handler(request: web.Request) -> web.StreamResponse:
        require(request, route.role)
        if route.method == "GET":
            require_known(request, route.query)
        return await route.handler(request)

    return handler
