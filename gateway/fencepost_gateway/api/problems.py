"""
Problems: every error leaves as ``application/problem+json`` (RFC 9457) with a code of the table.

No stack and no echo of contents; what is not foreseen is logged here with its traceback and
answered ``internal``.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from aiohttp import web

from fencepost_gateway.api.surface import Handler
from fencepost_gateway.errors import ERRORS, ApiError, StoreUnavailableError

RETRY_AFTER_S = 5

log = structlog.get_logger()


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn exceptions into problems."""
    try:
        return await handler(request)
    except ApiError as error:
        return problem(error)
    except StoreUnavailableError:
        return problem(ApiError("store_unavailable"))
    except web.HTTPNotFound:
        return problem(ApiError("no_route"))
    except web.HTTPMethodNotAllowed:
        return problem(ApiError("method"))
    except web.HTTPRequestEntityTooLarge:
        return problem(ApiError("too_large"))
    except web.HTTPException:
        raise
    except ConnectionResetError:
        raise
    except Exception:
        log.exception("api.bug", route=_route(request))
        return problem(ApiError("internal"))


def problem(error: ApiError, more: dict[str, Any] | None = None) -> web.Response:
    """Write a problem."""
    known = error.error
    body: dict[str, Any] = {
        "type": f"/errors/{known.code}",
        "title": known.sentence,
        "status": known.status,
        "detail": error.detail or known.remedy,
        "code": known.code,
        "whose": known.whose,
    }
    if error.path:
        body["path"] = error.path
    headers = {}
    if known.retryable:
        body["retry_after_s"] = RETRY_AFTER_S
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return web.Response(
        body=msgspec.json.encode(body | (more or {})),
        status=known.status,
        headers=headers,
        content_type="application/problem+json",
    )


async def get_error(request: web.Request) -> web.Response:
    """Say what an error code means and what to do."""
    known = ERRORS.get(request.match_info["code"])
    if known is None:
        raise ApiError("not_found")
    text = f"{known.code} ({known.status}, {known.whose})\n{known.sentence}\n{known.remedy}\n"
    return web.Response(text=text)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
