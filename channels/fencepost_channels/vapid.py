r"""
VAPID: the key pair by which push services know us (RFC 8292).

Pure. The private key is written as PEM (PKCS #8 or SEC 1, unencrypted) or as its 32 bytes in
base64url; where line breaks do not survive, as in some environment files, ``\n`` stands for one.
Browsers are given the public half as the ``applicationServerKey``.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fencepost_channels.driver import SettingsError

KEY_BYTES = 32


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
    return base64.urlsafe_b64encode(point).decode("ascii").rstrip("=")


def _from_pem(text: str) -> object:
    return serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)


def _from_raw(text: str) -> ec.EllipticCurvePrivateKey:
    stripped = text.strip().rstrip("=")
    raw = base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    if len(raw) != KEY_BYTES:
        raise ValueError
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
