"""
Google: access tokens for a service account, by the two-legged OAuth grant (RFC 7523).

Does I/O through ``call``; the signature is PyJWT's. Source: Google, "Using OAuth 2.0 for server to
server applications". Nothing has been sent to anybody while a token is asked for, so a failure here
is never ``unknown``.

Rule 1. The file's ``token_uri`` is called only when it is Google's, or where the driver's own
        counterpart is on the loopback: a file somebody hands us does not choose whom we sign for.
Rule 2. A token is used until five minutes before its end.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fencepost_channels.addresses import LOOPBACK
from fencepost_channels.bearer import Token
from fencepost_channels.call import Answer, CallFailed, json_of, post, retry_after_s
from fencepost_channels.driver import DriverIO, SettingsError
from fencepost_channels.errors import Misconfigured, Outcome, Unavailable

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE_S: Final = 3600
SPARE_S: Final = 300
OK: Final = 200
REFUSED: Final = (400, 401, 403)
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{2,99}")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who we are to Google."""

    project: str
    email: str = field(repr=False)
    key: rsa.RSAPrivateKey = field(repr=False)
    key_id: str = field(repr=False)
    token_uri: str


def read_account(name: str, text: str, *, may_be_local: bool) -> ServiceAccount:
    """
    Read the service account that the setting ``name`` holds: the JSON, or the path of its file.

    Raises:
        SettingsError: It is none; the text does not repeat it.

    """
    wrong = SettingsError(f'setting "{name}" must be the JSON of a service account, or its path')
    try:
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        found = json.loads(text)
        key = load_pem_private_key(found["private_key"].encode(), password=None)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise wrong from None
    members = [found.get(each) for each in ("project_id", "client_email", "private_key_id")]
    if not isinstance(key, rsa.RSAPrivateKey) or not all(isinstance(m, str) for m in members):
        raise wrong
    project, email, key_id = members
    if not _PROJECT.fullmatch(project):
        raise SettingsError(f'setting "{name}": its project_id is none')
    uri = found.get("token_uri", TOKEN_URI)
    is_local = isinstance(uri, str) and uri.startswith(f"http://{LOOPBACK}:")
    if uri != TOKEN_URI and not (may_be_local and is_local):
        raise SettingsError(f'setting "{name}": its token_uri must be {TOKEN_URI}')
    return ServiceAccount(project, email, key, key_id, uri)


async def ask_token(io: DriverIO, account: ServiceAccount, scope: str, now_s: int) -> Token:
    """
    Ask for an access token.

    Raises:
        CallFailed: There is none; the outcome says what follows for the message.

    """
    claims = {
        "iss": account.email,
        "scope": scope,
        "aud": account.token_uri,
        "iat": now_s,
        "exp": now_s + LIFE_S,
    }
    signed = jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id})
    form = {"grant_type": GRANT, "assertion": signed}
    try:
        answer = await post(io, account.token_uri, data=form, headers={})
    except CallFailed as failed:
        raise CallFailed(Unavailable("no_token")) from failed
    if answer.status != OK:
        raise CallFailed(_refusal(answer, now_s))
    return _token(answer, now_s)


def _refusal(answer: Answer, now_s: int) -> Outcome:
    if answer.status in REFUSED:
        return Misconfigured("account_refused")
    return Unavailable("no_token", retry_after_s(answer, now_s))


def _token(answer: Answer, now_s: int) -> Token:
    told = json_of(answer)
    text, life_s = told.get("access_token"), told.get("expires_in")
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
        raise CallFailed(Unavailable("no_token"))
    good_s = life_s if type(life_s) is int else LIFE_S
    return Token(text, now_s, now_s + max(good_s - SPARE_S, good_s // 2))
