"""
Credentials: the keys of a gateway, made at the first start.

``keys.json`` (mode 0600) holds the public write key that apps carry, the operator key for servers
and the command line, a key for each team that was given one, and the workspace's seed;
``vapid_private.pem`` (0600) the Web Push key pair (RFC 8292), ``proof_private.pem`` (0600) the key
that signs the chain of consent proofs (Ed25519). A file that others can read stops the start.
Keys are read at the start: a key that is made or taken away counts from the next one on.
"""

from __future__ import annotations

import json
import os
import stat
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import structs

from fencepost_gateway.clock import secret_token
from fencepost_gateway.decide.proof import ProofHead
from fencepost_gateway.errors import StartError

KEYS_FILE = "keys.json"
VAPID_FILE = "vapid_private.pem"
PROOF_FILE = "proof_private.pem"


class ProofKey:
    """The key that signs the heads of the chain of proofs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> str:
        """Give the public half, by which anybody can check a head."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, head: ProofHead) -> ProofHead:
        """Give a head with its signature."""
        return structs.replace(head, signature=self._key.sign(head.signed))

    def is_signed(self, head: ProofHead) -> bool:
        """Say whether the signature of a head is of this key."""
        try:
            self._key.public_key().verify(head.signature, head.signed)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys; only ``write_key`` and ``vapid_public_key`` may be shown to apps."""

    write_key: str
    operator_key: str = field(repr=False)
    seed: str = field(repr=False)
    vapid_private_pem: str = field(repr=False)
    proof_key: ProofKey = field(repr=False)
    vapid_public_key: str = ""
    team_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    made: tuple[Path, ...] = ()


def open_credentials(folder: Path) -> Credentials:
    """
    Read the credentials in ``folder``; make what is missing.

    Raises:
        StartError: A file is readable by others, or is not what it should be.

    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    keys_path, vapid_path = folder / KEYS_FILE, folder / VAPID_FILE
    if not keys_path.exists():
        keys = {
            "write_key": secret_token("pk_"),
            "operator_key": secret_token("sk_"),
            "seed": secret_token(""),
        }
        _write_private(keys_path, json.dumps(keys, indent=2) + "\n")
        made.append(keys_path)
    if not vapid_path.exists():
        _write_private(vapid_path, _new_vapid_pem())
        made.append(vapid_path)
    proof_path = folder / PROOF_FILE
    if not proof_path.exists():
        _write_private(proof_path, _pem_of(Ed25519PrivateKey.generate()))
        made.append(proof_path)
    try:
        keys = json.loads(_read_private(keys_path))
        pem = _read_private(vapid_path)
        return Credentials(
            write_key=keys["write_key"],
            operator_key=keys["operator_key"],
            seed=keys["seed"],
            vapid_private_pem=pem,
            proof_key=read_proof_key(folder),
            vapid_public_key=_public_key(pem),
            team_keys=_team_keys(keys),
            made=tuple(made),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StartError(
            f"{keys_path} or {vapid_path} is not what fencepost wrote ({type(error).__name__}): "
            "restore it from a backup; new keys would lock out every app"
        ) from None


def set_team_key(folder: Path, team: str, *, revoke: bool = False) -> str:
    """
    Give a team a new key, or none any more; one it had before ends.

    Raises:
        StartError: There is no key file here, it is not what it should be, or the team has no name.

    """
    path = folder / KEYS_FILE
    if not team.strip():
        raise StartError("a team has a name: write it as team: of its libraries has it")
    keys, teams = _read_keys(path)
    key = "" if revoke else secret_token("sk_")
    others = {name: old for name, old in teams.items() if name != team}
    keys["team_keys"] = others if revoke else {**others, team: key}
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    _write_private(beside, json.dumps(keys, indent=2) + "\n")
    beside.replace(path)
    return key


def read_seed(folder: Path) -> str:
    """
    Read the workspace's seed.

    Raises:
        StartError: There is no key file here, or it is not what it should be.

    """
    return str(_read_keys(folder / KEYS_FILE)[0]["seed"])


def read_proof_key(folder: Path) -> ProofKey:
    """
    Read the key of the proofs.

    Raises:
        StartError: There is none, it is no such key, or others can read it.

    """
    path = folder / PROOF_FILE
    try:
        key = serialization.load_pem_private_key(_read_private(path).encode(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise StartError(
            f"{path} cannot be read ({type(error).__name__}): restore it from a backup; heads of "
            "the chain that were signed with it cannot be checked without it"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StartError(f"{path} is no Ed25519 key: restore it from a backup")
    return ProofKey(key)


def _read_keys(path: Path) -> tuple[dict[str, object], dict[str, str]]:
    """Read the key file of a gateway that was started before, and the teams' keys in it."""
    try:
        keys = json.loads(_read_private(path))
        return keys | {"seed": keys["seed"]}, _team_keys(keys)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StartError(
            f"{path} cannot be read ({type(error).__name__}): run this beside the gateway's "
            "data_dir, after its first start"
        ) from None


def _team_keys(keys: Mapping[str, object]) -> dict[str, str]:
    """Read the teams' keys; an empty one would let in whoever sends none."""
    found = keys.get("team_keys", {})
    if not isinstance(found, dict):
        raise TypeError
    for name, key in found.items():
        if not name or not isinstance(key, str) or not key.startswith("sk_"):
            raise ValueError
    return found


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _read_private(path: Path) -> str:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise StartError(f"{path} can be read by others: chmod 600 {path}, and change the keys")
    return path.read_text("utf-8")


def _new_vapid_pem() -> str:
    return _pem_of(ec.generate_private_key(ec.SECP256R1()))


def _pem_of(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _public_key(pem: str) -> str:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return urlsafe_b64encode(point).rstrip(b"=").decode()
