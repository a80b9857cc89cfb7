"""Tokens of this server: short-lived JSON Web Tokens under keys that follow from the operator's secrets. Pure.

``issue`` is the one way in which a token comes to be, whoever asks for it: an API key, the command line, a session.
The first secret signs, all of them check; what others need to check a token is public (``key_set``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from rufaa import clock, ids
from rufaa.secret import signing_key
from rufaa.signin import compact
from rufaa.signin.compact import BadToken, Compact

LOCAL: Final = "rufaa"
"""The issuer of what is made on the command line, which need not know under which address its server is reached."""
AUDIENCE: Final = "rufaa"
ALGORITHM: Final = "ES256"
_TYPE: Final = "at+jwt"  # RFC 9068: no other kind of token that a key may sign one day is taken for one
_CLOCKS_DIFFER_S: Final = 15 * 60
"""So far ahead of ours may the clock of the node be that issued a token."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Whose token it is, and until when, in whole seconds since 1970. ``api_key``: the key that it was issued for.
    ``strong``: its holder showed a second factor."""

    user: uuid.UUID
    expires_at: int
    api_key: uuid.UUID | None = None
    strong: bool = False


def issue(
    user: uuid.UUID,
    *,
    keys: Sequence[str],
    now: datetime,
    lifetime: timedelta,
    issuer: str = LOCAL,
    api_key: uuid.UUID | None = None,
    strong: bool = False,
) -> str:
    """A token for ``user``, good for ``lifetime``. One for an ``api_key`` ends before where the key is revoked.
    ``strong``: whoever gets it showed a second factor just now."""
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": ids.wire(user),
        "iat": now,
        "exp": now + lifetime,
        "jti": ids.new_token(),
        **({} if api_key is None else {"key": ids.wire(api_key)}),
        **({"amr": ["mfa"]} if strong else {}),
    }
    signer = _signer(keys[0])
    return jwt.encode(claims, signer.private, algorithm=ALGORITHM, headers={"typ": _TYPE, "kid": signer.id})


def verify(token: str | Compact, *, keys: Sequence[str], issuers: Collection[str] = (LOCAL,)) -> Proven:
    """Whose token it is, and until when. Raises ``BadToken``.

    Whether the person may still sign in, and whether the API key still counts, is asked elsewhere.
    """
    read = compact.read(token) if isinstance(token, str) else token
    claims = read.claims
    if read.header.get("typ") != _TYPE:
        raise BadToken
    read.check_signature([each.public for each in map(_signer, keys) if each.id == read.header.get("kid")])
    if claims.get("iss") not in issuers or claims.get("aud") != AUDIENCE or "iat" not in claims:
        raise BadToken
    expires_at = read.check_times(now=clock.now(), expired_s=0, early_s=_CLOCKS_DIFFER_S)
    user, api_key = ids.from_wire(claims.get("sub")), ids.from_wire(claims.get("key"))
    if user is None or ("key" in claims) != (api_key is not None):
        raise BadToken
    return Proven(user, expires_at, api_key, strong=compact.is_strong(claims))


def key_set(keys: Sequence[str]) -> dict[str, object]:
    """The public keys as a JWK set (RFC 7517), the one that signs first."""
    return {"keys": [dict(_signer(key).jwk) for key in keys]}


@dataclass(frozen=True, slots=True)
class _Signer:
    """``id`` is the key's thumbprint (RFC 7638): the same on every node."""

    id: str
    private: ec.EllipticCurvePrivateKey
    public: jwt.PyJWK
    jwk: Mapping[str, object]


@lru_cache(maxsize=16)
def _signer(secret: str) -> _Signer:
    private = signing_key(secret)
    bare = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    named = {name: bare[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(named, sort_keys=True, separators=(",", ":")).encode()).digest()
    thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    jwk = {**named, "kid": thumbprint, "alg": ALGORITHM, "use": "sig"}
    return _Signer(thumbprint, private, jwt.PyJWK(jwk), jwk)
