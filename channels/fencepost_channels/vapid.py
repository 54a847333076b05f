r"""
VAPID: the key pair by which push services know us, and what we show them (RFC 8292).

Pure. The private key is written as PEM (PKCS #8 or SEC 1, unencrypted) or as its 32 bytes in
base64url; where line breaks do not survive, as in some environment files, ``\n`` stands for one.
Browsers are given the public half as the ``applicationServerKey``. What is shown is a JSON Web
Token (RFC 7515, 7518) for one push service, signed with ES256.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from fencepost_channels.driver import SettingsError

KEY_BYTES: Final = 32
_JOSE: Final = {"typ": "JWT", "alg": "ES256"}


def read_private_key(name: str, text: str) -> ec.EllipticCurvePrivateKey:
    """
    Read the private key that the setting ``name`` holds.

    Raises:
        SettingsError: It is no key on P-256; the text does not repeat it.

    """
    try:
        key = _from_pem(text) if "-----BEGIN" in text else _from_raw(text)
    except (ValueError, TypeError):  # TypeError: an encrypted PEM
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError(
            f'setting "{name}" must be a P-256 private key: unencrypted PEM, or 32 bytes base64url'
        )
    return key


def application_server_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Give the public key as browsers take it: the uncompressed point in base64url."""
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return _text(point)


def authorization(
    key: ec.EllipticCurvePrivateKey, origin: str, expires_s: int, subject: str
) -> str:
    """
    Write the ``Authorization`` that one push service takes.

    Args:
        key: Our key.
        origin: The push service.
        expires_s: Until when it counts, at most a day from now.
        subject: Whom the push service may write to.

    """
    claims = {"aud": origin, "exp": expires_s, "sub": subject}
    signed = f"{_json(_JOSE)}.{_json(claims)}"
    r, s = decode_dss_signature(key.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(KEY_BYTES, "big") + s.to_bytes(KEY_BYTES, "big")
    return f"vapid t={signed}.{_text(signature)}, k={application_server_key(key)}"


def _json(members: Mapping[str, object]) -> str:
    return _text(json.dumps(members, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _from_pem(text: str) -> object:
    return serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)


def _from_raw(text: str) -> ec.EllipticCurvePrivateKey:
    stripped = text.strip().rstrip("=")
    raw = base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    if len(raw) != KEY_BYTES:
        raise ValueError
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
