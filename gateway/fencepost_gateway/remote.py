"""
Remote: what the command line asks of a running gateway, over its documented HTTP surface.

Errors are sentences: the gateway cannot be reached, the key is wrong, the documents have errors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from fencepost_gateway.credentials import KEYS_FILE
from fencepost_gateway.documents.imports.csv_rows import write_csv
from fencepost_gateway.documents.imports.rows import FILE_MAX_BYTES
from fencepost_gateway.errors import StartError
from fencepost_gateway.reports.never_words import tell_why
from fencepost_gateway.settings import Settings
from fencepost_geofence import geojson

TIMEOUT_S = 60
PUBLISHING_S = 900  # a folder of a thousand journeys of 200 steps takes minutes to read


class RemoteError(Exception):
    """The gateway refused; ``problem`` is its answer."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or problem))
        self.problem = problem


def address_of(settings: Settings, url: str | None, key: str | None) -> tuple[str, str]:
    """
    Give address and operator key: as asked, else those of the gateway in ``data_dir``.

    Raises:
        StartError: The address is none, or no key was given and none can be read.

    """
    if url is not None and not url.startswith(("http://", "https://")):
        how = (
            f"write http://{url} or https://{url}"
            if "://" not in url
            else "write http:// or https://"
        )
        raise StartError(f"--url {url} is no address of a gateway: {how}")
    key = key or _kept(settings, "operator_key")
    if not key:
        path = settings.data_dir / KEYS_FILE
        raise StartError(f"no operator key: pass --key sk_…, or run where {path} can be read")
    return base_of(settings, url), key


def base_of(settings: Settings, url: str | None = None) -> str:
    """Give the address of a gateway: as asked, else that of the settings."""
    return (url or f"http://{settings.host}:{settings.port}").rstrip("/")


def write_key_of(settings: Settings) -> str:
    """Give the public key that apps carry, of the gateway in ``data_dir``; empty: there is none."""
    return _kept(settings, "write_key")


def _kept(settings: Settings, name: str) -> str:
    try:
        return str(json.loads((settings.data_dir / KEYS_FILE).read_text("utf-8"))[name])
    except (OSError, ValueError, KeyError):
        return ""


def ask(method: str, url: str, key: str, body: Any = None, timeout_s: float = TIMEOUT_S) -> Any:
    """
    Send one request.

    Raises:
        RemoteError: The gateway answered with a problem.
        StartError: It cannot be reached, or something else answers there.

    """
    return asyncio.run(_ask(method, url, key, body, timeout_s))


async def _ask(method: str, url: str, key: str, body: Any, timeout_s: float) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.request(method, url, json=body, headers=headers) as response,
        ):
            answer = json.loads(await response.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StartError(
            f"no gateway answers at {url} ({type(error).__name__}): start one with "
            "`fencepost serve`, or name it with --url"
        ) from None
    except ValueError:
        raise StartError(f"what answers at {url} is not a fencepost gateway") from None
    if response.status >= 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        raise RemoteError(answer)
    return answer


def explain(base: str, key: str, name: str, language: str) -> Iterator[str]:
    """
    Give the decision records of one id in words.

    Raises:
        RemoteError: There is nothing of this id.
        StartError: No gateway answers.

    """
    query = urlencode({"lang": language})
    yield from ask("GET", f"{base}/v1/decisions/{quote(name, safe='')}?{query}", key)["words"]


def audiences(base: str, key: str, name: str, weeks: int) -> Any:
    """
    Give every audience, or one week by week.

    Raises:
        RemoteError: No such audience is live.
        StartError: No gateway answers.

    """
    if not name:
        return ask("GET", f"{base}/v1/audiences", key)
    return ask("GET", f"{base}/v1/audiences/{quote(name, safe='')}?weeks={weeks}", key)


def audience_size(base: str, key: str, rule: Any) -> Any:
    """
    Say how many would belong by a rule that is not published.

    Raises:
        RemoteError: It is no rule.
        StartError: No gateway answers.

    """
    return ask("POST", f"{base}/v1/audiences/size", key, {"when": rule})


def why(base: str, key: str, wish: dict[str, str]) -> Iterator[str]:
    """
    Say why a user did, or did not, get a message, page by page.

    Raises:
        RemoteError: The campaign was never published, or a moment cannot be read.
        StartError: No gateway answers.

    """
    asked = {name: value for name, value in wish.items() if value}
    while True:
        answer = ask("GET", f"{base}/v1/explain?{urlencode(asked)}", key)
        yield from tell_why(answer, is_first="after" not in asked)
        if answer["next"] is None:
            return
        asked["after"] = answer["next"]


def persons(base: str, key: str, asked: dict[str, str], language: str) -> list[dict[str, Any]]:
    """
    Give what is known of a user, or of whoever has an address or a person id.

    Raises:
        RemoteError: Nobody is known by it.
        StartError: No gateway answers.

    """
    query = urlencode({**asked, "lang": language})
    found: list[dict[str, Any]] = ask("GET", f"{base}/v1/persons?{query}", key)["persons"]
    return found


def history(base: str, key: str, asked: dict[str, str]) -> dict[str, Any]:
    """
    Give the timeline of a person.

    Raises:
        RemoteError: Nothing is recorded of anybody by it.
        StartError: No gateway answers.

    """
    found: dict[str, Any] = ask("GET", f"{base}/v1/history?{urlencode(asked)}", key)
    return found


def import_fences(base: str, key: str, paths: Sequence[Path], wish: dict[str, Any]) -> Any:
    """
    Import files of places.

    Raises:
        RemoteError: Rows are bad and were not accepted.
        StartError: A file cannot be read as text, or no gateway answers.

    """
    files = [{"path": path.as_posix(), "text": _text_of(path)} for path in paths]
    return ask("POST", f"{base}/v1/fences/import", key, {"files": files, **wish})


def import_doubts(answer: dict[str, Any]) -> list[str]:
    """Say what a file may have meant otherwise, whether it was imported or refused."""
    lines = [f"warning: {one['text']}" for one in answer.get("warnings", ())]
    if answer.get("passed_over"):
        lines.append(f"passed over: {', '.join(answer['passed_over'])}")
    return lines


def import_lines(answer: dict[str, Any], *, accept: bool) -> list[str]:
    """Say what an import came to; bad rows of one kind are one line."""
    lines = [f"left out: {one['text']}" for one in answer["summary"]]
    lines += [f"repaired: {one['text']}" for one in answer["repaired"]]
    lines += import_doubts(answer)
    did = "imported" if answer["applied"] else "would import"
    counts = f"{len(answer['changed'])} changed, {answer['unchanged']} unchanged"
    if answer["bad"] and not answer["applied"] and not accept:
        lines.append("without --accept nothing is imported while rows are bad")
    return [*lines, f"{did} {answer['rows']} rows: {counts}, {answer['bad']} left out"]


def fence_report(
    base: str, key: str, report: str, fences: Sequence[str], limit: int, **wish: int | str
) -> Any:
    """
    Give a report (``health``, ``visits``) of all fences, or of these.

    Raises:
        RemoteError: One of them is not live.
        StartError: No gateway answers.

    """
    query = [("limit", max(limit, len(fences))), *(("fence", f) for f in fences), *wish.items()]
    return ask("GET", f"{base}/v1/fences/{report}?{urlencode(query)}", key)


def export_fences(base: str, key: str, form: str) -> str:
    """Give the live fences as text."""
    collection = ask("GET", f"{base}/v1/fences", key)
    if form == "csv":
        return write_csv(geojson.read(collection).fences)
    return json.dumps(collection, ensure_ascii=False, indent=1) + "\n"


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            raise StartError(f"{path} is larger than {FILE_MAX_BYTES >> 20} MiB; split it")
        data = path.read_bytes()
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from None
    if data.startswith((b"PK", b"\x1f\x8b")):
        raise StartError(f"{path} is an archive; unpack it, and import the files inside")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StartError(f"{path}: byte {error.start} is not UTF-8; convert the file") from None
