r"""
DKIM signature: what says that a message is ours and was not changed (RFC 6376, RFC 8463).

Pure but for the import of dkimpy, which is loaded with the first signer: it brings a DNS library,
and who signs nothing needs neither.

Rule 1. dkimpy canonicalises (``relaxed/simple``, its default: a body of encoded or short lines
        gives nobody cause to change its blanks), hashes and folds; OpenSSL does the arithmetic,
        with a key that was read once. dkimpy's own RSA is written in Python and reads the key for
        each message: 6 ms, where the whole conversation with a relay costs less than one.
Rule 2. Every header of the message is signed, and named once more than it is there, so that none
        can be added or replaced; ``Cc`` and ``Reply-To`` are named even where there are none.
Rule 3. RSA of at least 1024 bits (RFC 8301 section 3.2) or Ed25519, unencrypted PEM; where line
        breaks do not survive, as in some environment files, ``\n`` stands for one.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from fencepost_channels.driver import SettingsError

MIN_RSA_BITS = 1024
NEVER_THERE = (b"cc", b"reply-to")

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key, and under which name its public half is found."""

    selector: str
    domain: str
    private: PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> bytes:
        """The name of the algorithm in a signature."""
        return b"rsa-sha256" if isinstance(self.private, rsa.RSAPrivateKey) else b"ed25519-sha256"


def read_private_key(name: str, text: str) -> PrivateKey:
    """
    Read the private key that the setting ``name`` holds.

    Raises:
        SettingsError: It is none that can sign (Rule 3); the text does not repeat it.

    """
    try:
        pem = text.replace("\\n", "\n").encode()
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # TypeError: an encrypted PEM
        key = None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return key
    raise SettingsError(
        f'setting "{name}" must be an unencrypted PEM of an RSA private key of at least '
        f"{MIN_RSA_BITS} bits, or of an Ed25519 one; make one: openssl genrsa 2048"
    )


class _Signed(NamedTuple):
    """What dkimpy asks of a key that signs a digest."""

    signature: bytes


class _Signing(NamedTuple):
    """A key as dkimpy takes one: PyNaCl's interface, OpenSSL's arithmetic (Rule 1)."""

    private: PrivateKey

    def sign(self, digest: bytes) -> _Signed:
        """Sign a digest of SHA-256."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            scheme = Prehashed(hashes.SHA256())
            return _Signed(self.private.sign(digest, padding.PKCS1v15(), scheme))
        return _Signed(self.private.sign(digest))


Signer = Callable[[bytes, int], bytes]
"""A message and the moment in seconds to the message with its signature before it."""


def signer_of(key: DkimKey) -> Signer:
    """Give what signs messages with a key."""
    import dkim  # noqa: PLC0415 - only who signs pays for it

    policy = dkim.CanonicalizationPolicy.from_c_value(b"relaxed/simple")
    private, log = _Signing(key.private), logging.getLogger(__name__)
    where = (b"d", key.domain.encode("ascii")), (b"s", key.selector.encode("ascii"))

    def sign(wire: bytes, now_s: int) -> bytes:
        head, _, body = wire.partition(b"\r\n\r\n")
        message: Any = dkim.DKIM(head + b"\r\n\r\n", logger=log)
        # The branch of dkimpy's writer that leaves the arithmetic to the key's own ``sign``.
        message.signature_algorithm = b"ed25519-sha256"
        message.hasher = hashlib.sha256
        names = [name.lower() for name, _ in message.headers]
        names += [*names, *(name for name in NEVER_THERE if name not in names)]
        digest = hashlib.sha256(policy.canonicalize_body(body)).digest()
        fields = [
            (b"v", b"1"), (b"a", key.algorithm), (b"c", policy.to_c_value()), *where,
            (b"t", b"%d" % now_s), (b"h", b" : ".join(names)),
            (b"bh", base64.b64encode(digest)), (b"b", b"0" * 60),
        ]  # fmt: skip
        value = message.gen_header(fields, names, policy, b"DKIM-Signature", private)
        return b"DKIM-Signature: " + bytes(value) + wire

    return sign
