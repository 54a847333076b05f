"""
Body: reading a request within bounds.

Rule 1. Nothing larger than the limit is ever buffered: a declared length is checked before the
        body is read, an undeclared one while it is read.
Rule 2. One gzip member, inflated with a bound on size and ratio; nothing behind it.
"""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec
from aiohttp import web

from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake import limits

T = TypeVar("T")

GZIP_WBITS = 31  # zlib's way to say: gzip header, one member


async def read_body(request: web.Request, max_bytes: int = limits.BODY_MAX_BYTES) -> bytes:
    """
    Read the body of a request, inflated if it is gzip.

    Raises:
        ApiError: ``too_large``, ``ratio``, ``encoding``, ``multiple_members``, ``malformed``.

    """
    body = await read_raw(request, max_bytes)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        return inflate(body)
    if encoding != "identity":
        raise ApiError("encoding")
    return body


async def read_raw(request: web.Request, max_bytes: int) -> bytes:
    """
    Read the body of a request as it came.

    Raises:
        ApiError: ``too_large``.

    """
    if request.content_length is not None and request.content_length > max_bytes:
        raise ApiError("too_large", f"the body may have {max_bytes} bytes")
    body = await request.content.read(max_bytes + 1)
    while len(body) <= max_bytes and not request.content.at_eof():
        more = await request.content.read(max_bytes + 1 - len(body))
        if not more:
            break
        body += more
    if len(body) > max_bytes:
        raise ApiError("too_large", f"the body may have {max_bytes} bytes")
    return body


def inflate(body: bytes) -> bytes:
    """Inflate one gzip member within bounds."""
    bound = limits.INFLATED_MAX_BYTES
    if len(body) * limits.RATIO_MAX < bound:
        bound = max(len(body) * limits.RATIO_MAX, limits.RATIO_FREE_BYTES)
    machine = zlib.decompressobj(GZIP_WBITS)
    try:
        data = machine.decompress(body, bound)
    except zlib.error:
        raise ApiError("malformed", "the body is not gzip") from None
    if machine.unconsumed_tail:
        raise ApiError("ratio" if bound < limits.INFLATED_MAX_BYTES else "too_large")
    if not machine.eof:
        raise ApiError("malformed", "the gzip body is cut short")
    if machine.unused_data:
        raise ApiError("multiple_members")
    return data


async def decode(request: web.Request, kind: type[T], max_bytes: int = limits.BODY_MAX_BYTES) -> T:
    """
    Read the body of an operator's request as a record.

    Raises:
        ApiError: It is none; says what is off, never with its content.

    """
    try:
        return msgspec.json.decode(await read_body(request, max_bytes), type=kind)
    except msgspec.ValidationError as error:
        raise ApiError("malformed", str(error).partition(" - ")[0]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed") from None
