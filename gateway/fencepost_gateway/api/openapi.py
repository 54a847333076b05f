"""OpenAPI 3.1, generated from the route table and the records it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from fencepost_gateway.api.audiences import SizeRequest
from fencepost_gateway.api.broadcasts import ExternalRequest
from fencepost_gateway.api.calls import RedriveRequest
from fencepost_gateway.api.documents import ApplyRequest
from fencepost_gateway.api.imports import ImportRequest
from fencepost_gateway.api.journeys import ControlRequest
from fencepost_gateway.api.letters import RedriveMessages
from fencepost_gateway.api.lists import ListImport, ListRequest
from fencepost_gateway.api.operate import StopRequest, SuppressRequest
from fencepost_gateway.api.proofs import ProofRequest
from fencepost_gateway.api.receipts import ReceiptReport
from fencepost_gateway.api.refusals import LookedAtRequest
from fencepost_gateway.api.start import StartRequest
from fencepost_gateway.api.surface import Route, as_json
from fencepost_gateway.api.trials import ReactionRequest, TrialRequest
from fencepost_gateway.errors import ERRORS
from fencepost_gateway.intake.wire import Batch, Event

DESCRIPTION = web.AppKey("openapi", dict)

BODIES: dict[str, Any] = {
    "Batch": Batch,
    "ApplyRequest": ApplyRequest,
    "ImportRequest": ImportRequest,
    "SuppressRequest": SuppressRequest,
    "StopRequest": StopRequest,
    "SizeRequest": SizeRequest,
    "ListRequest": ListRequest,
    "ListImport": ListImport,
    "ProofRequest": ProofRequest,
    "ExternalRequest": ExternalRequest,
    "RedriveMessages": RedriveMessages,
    "RedriveRequest": RedriveRequest,
    "LookedAtRequest": LookedAtRequest,
    "ControlRequest": ControlRequest,
    "StartRequest": StartRequest,
    "TrialRequest": TrialRequest,
    "ReactionRequest": ReactionRequest,
    "ReceiptReport": ReceiptReport,
}
ANSWERS: dict[str, dict[str, Any]] = {
    "BatchAnswer": {
        "type": "object",
        "required": ["v", "ack", "received_at", "verdicts"],
        "properties": {
            "v": {"const": 1},
            "ack": {"enum": ["memory", "os", "fsync"]},
            "received_at": {"type": "string", "format": "date-time"},
            "retry_after_s": {"type": ["number", "null"]},
            "hints": {"type": "object", "properties": {"fences": {"type": "string"}}},
            "verdicts": {
                "type": "object",
                "required": ["stream", "accepted", "others"],
                "properties": {
                    "stream": {"type": "string"},
                    "accepted": {"type": "array", "items": {"type": "array"}},
                    "others": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "code", "whose"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"enum": sorted(ERRORS)},
            "path": {"type": "string"},
            "whose": {"enum": ["yours", "ours", "operator"]},
            "retry_after_s": {"type": "number"},
        },
    },
}
TEXTS = {
    "text": "text/plain",
    "page": "text/html",
    "pixel": "image/gif",
    "MessageStream": "text/event-stream",
}
BARE = {"nothing": "204", "redirect": "302"}  # answers without a body
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "open": [],
    "device": [{"write_key": [], "device": []}],
    "team": [{"team_key": []}, {"operator_key": []}],
    "operator": [{"operator_key": []}],
}


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Write the surface as an OpenAPI document."""
    wanted = [*BODIES.values(), Event]
    _, schemas = msgspec.json.schema_components(wanted, ref_template="#/components/schemas/{name}")
    schemas["Batch"]["properties"]["events"]["items"] = {
        "oneOf": [{"$ref": f"#/components/schemas/{k.__name__}"} for k in Event.__args__]
    }
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fencepost gateway", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {**schemas, **ANSWERS},
            "securitySchemes": {
                "write_key": {"type": "http", "scheme": "bearer", "description": "pk_…"},
                "operator_key": {"type": "http", "scheme": "bearer", "description": "sk_…"},
                "team_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "sk_… of a team: only fences of its own libraries",
                },
                "device": {"type": "apiKey", "in": "header", "name": "Fencepost-Device"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    codes = [*route.errors, *(["key_unknown"] if route.role != "open" else [])]
    if route.role in ("team", "operator"):
        codes.append("key_scope")
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "security": SECURITY[route.role],
        "responses": {BARE.get(route.answer, "200"): _answer(route)} | _problems(codes),
    }
    parameters = [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string"}}
        for n in re.findall(r"{(\w+)}", route.path)
    ] + [
        {"name": n, "in": "query", "description": text, "schema": {"type": "string"}}
        for n, text in route.query.items()
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        schema = {"$ref": f"#/components/schemas/{route.body}"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _answer(route: Route) -> dict[str, Any]:
    if route.answer in BARE:
        return {"description": route.summary}
    if route.answer in TEXTS:
        return {"description": route.summary, "content": {TEXTS[route.answer]: {}}}
    known = route.answer in ANSWERS
    schema = {"$ref": f"#/components/schemas/{route.answer}"} if known else {"type": "object"}
    return {"description": route.answer, "content": {"application/json": {"schema": schema}}}


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for code in codes:
        found.setdefault(str(ERRORS[code].status), []).append(code)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": ", ".join(sorted(names)),
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status, names in sorted(found.items())
    }


async def get_openapi(request: web.Request) -> web.Response:
    """Give this surface as OpenAPI."""
    return as_json(request.app[DESCRIPTION])
