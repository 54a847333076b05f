"""
Remote: what the command line asks of a running gateway, over its documented HTTP surface.

Errors are sentences: the gateway cannot be reached, the key is wrong, the documents have errors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from fencepost_gateway.credentials import KEYS_FILE
from fencepost_gateway.decide.words import moment
from fencepost_gateway.errors import StartError
from fencepost_gateway.settings import Settings

TIMEOUT_S = 60


class RemoteError(Exception):
    """The gateway refused; ``problem`` is its answer."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or problem))
        self.problem = problem


def address_of(settings: Settings, url: str | None, key: str | None) -> tuple[str, str]:
    """
    Give address and operator key: as asked, else those of the gateway in ``data_dir``.

    Raises:
        StartError: No key was given and none can be read.

    """
    if key is None:
        path = settings.data_dir / KEYS_FILE
        try:
            key = str(json.loads(path.read_text("utf-8"))["operator_key"])
        except (OSError, ValueError, KeyError):
            raise StartError(
                f"no operator key: pass --key sk_…, or run where {path} can be read"
            ) from None
    return (url or f"http://{settings.host}:{settings.port}").rstrip("/"), key


def ask(method: str, url: str, key: str, body: Any = None) -> Any:
    """
    Send one request.

    Raises:
        RemoteError: The gateway answered with a problem.
        StartError: It cannot be reached, or something else answers there.

    """
    return asyncio.run(_ask(method, url, key, body))


async def _ask(method: str, url: str, key: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
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


def explain(base: str, key: str, name: str, user: str) -> Iterator[str]:
    """
    Give the decision records of one id, or of one user, in words.

    Raises:
        RemoteError: There is nothing of this id.
        StartError: No gateway answers.

    """
    if name:
        yield from ask("GET", f"{base}/v1/decisions/{quote(name, safe='')}", key)["words"]
        return
    after = 0
    while True:
        page = ask("GET", f"{base}/v1/decisions?user_id={quote(user, safe='')}&after={after}", key)
        if not page["records"]:
            break
        for record in page["records"]:
            first, *rest = record["words"]
            yield f"{moment(record['at_ms'])}  {first}  [{record['subject']}]"
            yield from (f"    {line}" for line in rest)
        after = page["cursor"]
    if not after:
        yield f"nothing is on record about {user}"


def read_folder(folder: Path, suffixes: tuple[str, ...]) -> list[dict[str, str]]:
    """
    Read the document files below ``folder`` as {path, text}.

    Raises:
        StartError: The folder is none, holds no documents, or a file is not UTF-8.

    """
    if not folder.is_dir():
        raise StartError(f"{folder} is not a folder")
    found = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in suffixes)
    if not found:
        raise StartError(f"{folder} holds no documents ({' '.join(suffixes)})")
    files = []
    for path in found:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            raise StartError(f"{path} is not UTF-8; convert the file") from None
        files.append({"path": path.relative_to(folder).as_posix(), "text": text})
    return files
