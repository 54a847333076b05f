"""
DKIM keys, and the DNS that publishes them: what a receiver of signed mail looks up.

    assert is_signed(wire, zone_of(key))

dkimpy verifies, with its own arithmetic; none of what signs is used.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from fencepost_channels.dkim_signature import DkimKey


def ed25519_pem() -> str:
    """Give a fresh Ed25519 key."""
    return _pem(ed25519.Ed25519PrivateKey.generate())


def rsa_pem(bits: int = 2048) -> str:
    """Give a fresh RSA key."""
    return _pem(rsa.generate_private_key(65537, bits))


def dns_record(key: DkimKey) -> tuple[str, str]:
    """Give the TXT record of a key, as docs/how-to/set-up-email.md has it: name and text."""
    public = key.private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        kind, spki = "rsa", serialization.PublicFormat.SubjectPublicKeyInfo
        raw = public.public_bytes(serialization.Encoding.DER, spki)
    else:
        kind, raw = "ed25519", public.public_bytes_raw()
    words = f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"
    return f"{key.selector}._domainkey.{key.domain}", words


def zone_of(key: DkimKey) -> dict[str, str]:
    """Give the TXT records that its owner publishes."""
    return dict([dns_record(key)])


def is_signed(wire: bytes, zone: Mapping[str, str]) -> bool:
    """Say whether a receiver who looks keys up in a zone believes the first signature."""

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        del timeout
        found = zone.get(name.decode().rstrip("."))
        return found.encode() if found else None

    return bool(dkim.verify(wire, dnsfunc=look_up))


def _pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    kind, how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, how).decode()
