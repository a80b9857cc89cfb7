"""Keys derived from the operator's secret, sealed values, and signatures. Nothing here knows what is sealed.

One secret gives many keys: HMAC-SHA256 over a label, so that a leak of one kind of signature helps with no other.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rufaa.errors import Kind, RufaaError

_NONCE_BYTES = 12
_ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class CannotUnseal(RufaaError):
    """No key of the ring opens it: the secret was changed or lost."""

    kind = Kind.UNAVAILABLE
    code = "cannot-unseal"


@lru_cache(maxsize=256)  # each request with a signature asks for one of a few
def derive(secret: str, label: str) -> bytes:
    """32 bytes for one purpose."""
    return hmac.digest(secret.encode(), label.encode(), hashlib.sha256)


def seal(keys: Sequence[str], plain: bytes, *, context: str) -> bytes:
    """AES-256-GCM under the first key. ``context`` (say ``mpesa-account:<id>``) must be the same when opened."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derive(keys[0], "seal")).encrypt(nonce, plain, context.encode())


def unseal(keys: Sequence[str], sealed: bytes, *, context: str) -> bytes:
    """What ``seal`` closed, with whichever key of the ring fits. Raises ``CannotUnseal``."""
    for key in keys:
        try:
            return AESGCM(derive(key, "seal")).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            continue
    raise CannotUnseal(f"No key in RUFAA_SECRET_KEYS opens {context}. Add the key that was used when it was stored.")


def signing_key(secret: str) -> ec.EllipticCurvePrivateKey:
    """The private key on P-256 that follows from ``secret``: the same on every node, and stored nowhere.

    Its public part is told to everybody, and lets them try guesses at the secret; so the secret must be one that cannot
    be guessed.
    """
    chance = derive(secret, "token 1") + derive(secret, "token 2")  # twice the order's length: no number is favoured
    return ec.derive_private_key(int.from_bytes(chance) % (_ORDER_OF_P256 - 1) + 1, ec.SECP256R1())


def fingerprint(secret: str) -> str:
    """Tells whether a key is the one that is meant, and opens nothing: 128 bits in lower-case hex."""
    return _sign(secret, "fingerprint", "")


def signature(keys: Sequence[str], label: str, message: str) -> str:
    """128 bits of HMAC as 32 lower-case hex digits, by the first key."""
    return _sign(keys[0], label, message)


def is_signature(keys: Sequence[str], label: str, message: str, claimed: str) -> bool:
    """Whether any key of the ring made ``claimed``; takes the same time whatever is wrong with it."""
    good = [hmac.compare_digest(_sign(key, label, message), claimed) for key in keys]
    return any(good)


def _sign(key: str, label: str, message: str) -> str:
    return hmac.digest(derive(key, label), message.encode(), hashlib.sha256)[:16].hex()
