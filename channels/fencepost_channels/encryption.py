"""
Encryption: a message that only one browser can read (RFC 8291, over RFC 8188's ``aes128gcm``).

Pure: the key pair and the salt of a message are arguments, so that the published example can be
repeated to the byte. Elliptic curve, HMAC and AES-GCM are ``cryptography``'s; here is only in which
order they are applied.

Rule 1. One record: a push service must take 4,096 bytes, and a message is never longer.
Rule 2. A message has a key pair of its own (RFC 8291 section 3.1), never used again.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fencepost_channels.addresses import Subscription

RECORD_BYTES: Final = 4096
SALT_BYTES: Final = 16
MAX_PLAIN_BYTES: Final = RECORD_BYTES - 86 - 17  # header; tag and the byte that ends the record

_SIZES: Final = RECORD_BYTES.to_bytes(4, "big") + bytes([65])  # of a record and of a point
_LAST: Final = b"\x02"  # ends the plain text of the last record (RFC 8188 section 2)
_KEY_INFO: Final = b"WebPush: info\x00"
_CONTENT_INFO: Final = b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO: Final = b"Content-Encoding: nonce\x00\x01"


def encrypt(
    plain: bytes, receiver: Subscription, own: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """
    Encrypt a message.

    Args:
        plain: The message, ``MAX_PLAIN_BYTES`` at most.
        receiver: Whose browser reads it.
        own: The message's own key pair (Rule 2).
        salt: ``SALT_BYTES`` that nobody can guess.

    Returns:
        The body of the request: header and one record.

    """
    point = write_point(own.public_key())
    shared = own.exchange(ec.ECDH(), receiver.key)
    # HKDF (RFC 5869), whose every output here is one block: extract, then expand, twice.
    keying = _hmac(receiver.secret, shared)
    keying = _hmac(keying, _KEY_INFO + receiver.point + point + b"\x01")
    extracted = _hmac(salt, keying)
    key, nonce = _hmac(extracted, _CONTENT_INFO)[:16], _hmac(extracted, _NONCE_INFO)[:12]
    return salt + _SIZES + point + AESGCM(key).encrypt(nonce, plain + _LAST, None)


def write_point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Write a public key as the uncompressed point, 65 bytes."""
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
