"""The published keys of an issuer (RFC 7517), and which of them may have signed a token. Pure.

Only keys of two parts count, for the algorithms that fit them: a shared secret in a key set, or a public key that is
taken for one, checks nothing here. What cannot be used is left out, since a set may have keys for other purposes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

_ALGORITHMS: Final[Mapping[tuple[str, str | None], tuple[str, ...]]] = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
_MOST_KEYS: Final = 100
_RSA_BITS: Final = range(2048, 16384 + 1)  # beyond, a check takes long
_PUBLIC: Final = ("kty", "n", "e", "crv", "x", "y")


class NoKeySet(Exception):
    """What was published is no key set, or one without a key that could sign a token."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys by name (None: it has none) and algorithm."""

    keys: Sequence[tuple[str | None, str, jwt.PyJWK]]

    def which(self, *, algorithm: str, name: str | None) -> list[jwt.PyJWK]:
        """The keys that may have signed a token with this header. One that names no key is taken only where one key
        alone can be meant."""
        fit = [(each, key) for each, for_algorithm, key in self.keys if for_algorithm == algorithm]
        if name is None:
            return [key for _, key in fit] if len(fit) == 1 else []
        return [key for each, key in fit if each == name]


def read(document: object) -> KeySet:
    """The keys of a document as it was published. Raises ``NoKeySet``."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise NoKeySet(f"not a key set of at most {_MOST_KEYS} keys")
    found = [each for jwk in listed if isinstance(jwk, dict) for each in _usable(jwk)]
    if not found:
        raise NoKeySet("a key set without a key for signatures that is taken here")
    return KeySet(found)


def _usable(jwk: Mapping[str, object]) -> list[tuple[str | None, str, jwt.PyJWK]]:
    name, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return []
    if not isinstance(name, str | None):
        return []
    kind = (jwk.get("kty"), None if jwk.get("kty") == "RSA" else jwk.get("crv"))
    fitting = next((names for each, names in _ALGORITHMS.items() if each == kind), ())
    public = {member: jwk[member] for member in _PUBLIC if member in jwk}  # whatever else was published by mistake
    found = []
    for algorithm in fitting:
        if jwk.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(public, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            return []
        if not isinstance(key.key, rsa.RSAPublicKey) or key.key.key_size in _RSA_BITS:
            found.append((name, algorithm, key))
    return found
