"""Tokens of this server: what is in one, who takes it, and how every confusion of one ends. Without a database."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rufaa import clock, secret
from rufaa.signin import compact, tokens
from rufaa.signin.compact import MOST_BYTES, BadToken
from support import KEYS

USER: Final = uuid.UUID("01890000-0000-7000-8000-000000000001")
NEW: Final = "a newer secret of the tests that is long enough"
HOUR: Final = timedelta(hours=1)
HERE: Final = "https://referrals.example"


def issued(**more: Any) -> str:
    return tokens.issue(USER, **{"keys": KEYS, "now": clock.now(), "lifetime": HOUR, **more})


def kid(key: str = KEYS[0]) -> str:
    return str(public(key)["kid"])


def public(key: str = KEYS[0]) -> dict[str, Any]:
    (jwk,) = tokens.key_set((key,))["keys"]  # type: ignore[misc]
    return dict(jwk)


def claims(**more: object) -> dict[str, object]:
    """Good ones, but for what the test says; ``...`` leaves one out."""
    now = int(clock.now().timestamp())
    full = {"iss": "rufaa", "aud": "rufaa", "sub": USER.hex, "iat": now, "exp": now + 600, **more}
    return {name: value for name, value in full.items() if value is not ...}


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def head(**more: object) -> dict[str, object]:
    full = {"alg": "ES256", "typ": "at+jwt", "kid": kid(), **more}
    return {name: value for name, value in full.items() if value is not ...}


def signed(header: Mapping[str, object] | bytes, said: Mapping[str, object] | bytes, *, key: str = KEYS[0]) -> str:
    """A true ES256 signature over whatever the header and the claims say."""
    raw = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, said)]
    text = ".".join(map(part, raw))
    signature = jwt.get_algorithm_by_name("ES256").sign(text.encode(), secret.signing_key(key))
    return f"{text}.{part(signature)}"


def with_public_key_as_secret(form: str) -> str:
    """The old trick: HS256 under the public key, which everybody has."""
    known = secret.signing_key(KEYS[0]).public_key()
    text = ".".join(part(json.dumps(each).encode()) for each in (head(alg="HS256"), claims()))
    raw = {
        "pem": known.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": known.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "point": known.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "jwk": json.dumps(public()).encode(),
    }[form]
    return f"{text}.{part(jwt.get_algorithm_by_name('HS256').sign(text.encode(), raw))}"


def refused(token: str, **more: Any) -> str:
    with pytest.raises(BadToken) as error:
        tokens.verify(token, **{"keys": KEYS, **more})
    return str(error.value)


def test_a_token_says_who_until_when_and_by_which_key() -> None:
    now = clock.now()
    key = uuid.uuid4()

    token = issued(now=now, lifetime=timedelta(minutes=10), issuer=HERE, api_key=key)

    header, said = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    began = int(now.timestamp())
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": kid()}
    assert len(said.pop("jti")) == 32
    assert said == {
        "iss": HERE, "aud": "rufaa", "sub": USER.hex, "iat": began, "exp": began + 600, "key": key.hex,
    }  # fmt: skip
    assert tokens.verify(token, keys=KEYS, issuers={HERE}) == tokens.Proven(USER, began + 600, key)


def test_the_key_set_is_what_others_check_a_token_with() -> None:
    """With PyJWT alone, and with nothing of ours but what is published."""
    published = jwt.PyJWKSet.from_dict(json.loads(json.dumps(tokens.key_set((NEW, *KEYS)))))

    for keys in ((NEW, *KEYS), KEYS):
        token = issued(keys=keys)
        key = published[jwt.get_unverified_header(token)["kid"]]
        assert jwt.decode(token, key, algorithms=["ES256"], audience="rufaa", issuer="rufaa")["sub"] == USER.hex


def test_the_key_set_tells_nothing_private() -> None:
    for jwk in (public(), public(NEW)):
        assert set(jwk) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        named = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        assert jwk["kid"] == part(hashlib.sha256(named.encode()).digest())
    assert [each["kid"] for each in tokens.key_set((NEW, KEYS[0]))["keys"]] == [kid(NEW), kid()]  # type: ignore[attr-defined]


def test_a_secret_gives_the_same_key_everywhere_and_another_secret_another() -> None:
    def number(key: str) -> int:
        return secret.signing_key(key).private_numbers().private_value

    assert number(KEYS[0]) == number(KEYS[0])
    assert number(KEYS[0]) != number(NEW)
    assert kid() == "PsCg7VL6ZEpWMFK39xD7yE93PrhUG8c3ttMvO20SUJI"  # another one would end every token at an update


def test_a_rotation_takes_the_old_key_s_tokens_until_that_is_taken_away() -> None:
    old = issued()

    assert tokens.verify(old, keys=(NEW, *KEYS)).user == USER
    assert jwt.get_unverified_header(issued(keys=(NEW, *KEYS)))["kid"] == kid(NEW)
    assert refused(old, keys=(NEW,)) == "This is not a token that this server takes."


def test_a_token_ends_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now().replace(microsecond=0)
    token = issued(now=now, lifetime=timedelta(seconds=60))

    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=59.9))
    assert tokens.verify(token, keys=KEYS).user == USER
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=60))
    assert refused(token) == "The token has expired. Get a new one."


@pytest.mark.parametrize(("ahead_min", "taken"), [(14, True), (16, False)])
def test_a_node_s_clock_may_be_a_quarter_of_an_hour_ahead(ahead_min: int, taken: bool) -> None:
    token = issued(now=clock.now() + timedelta(minutes=ahead_min))

    if taken:
        assert tokens.verify(token, keys=KEYS).user == USER
    else:
        assert refused(token).startswith("The token is not valid yet.")


BAD: Final[list[tuple[str, Callable[[], str]]]] = [
    ("nothing", lambda: ""),
    ("two parts", lambda: issued().rpartition(".")[0]),
    ("four parts", lambda: f"{issued()}.x"),
    ("no signature", lambda: issued().rpartition(".")[0] + "."),
    ("padding", lambda: f"{issued()}="),
    ("a blank", lambda: f"{issued()} "),
    ("a new line", lambda: f"{issued()}\n"),
    ("half of the signature", lambda: issued()[:-40]),
    ("alg none", lambda: signed(head(alg="none"), claims())),
    ("alg None", lambda: signed(head(alg="None"), claims())),
    ("alg nOnE", lambda: signed(head(alg="nOnE"), claims())),
    ("no alg", lambda: signed(head(alg=...), claims())),
    ("alg is a list", lambda: signed(head(alg=["ES256"]), claims())),
    ("alg ES256K", lambda: signed(head(alg="ES256K"), claims())),
    ("HS256 under the public key as PEM", lambda: with_public_key_as_secret("pem")),
    ("HS256 under the public key as DER", lambda: with_public_key_as_secret("der")),
    ("HS256 under the public point", lambda: with_public_key_as_secret("point")),
    ("HS256 under the published key", lambda: with_public_key_as_secret("jwk")),
    ("HS256 under the secret", lambda: jwt.encode(claims(), KEYS[0], algorithm="HS256", headers=head(alg="HS256"))),
    ("no kid", lambda: signed(head(kid=...), claims())),
    ("an empty kid", lambda: signed(head(kid=""), claims())),
    ("kid is a path", lambda: signed(head(kid="../../../../dev/null"), claims())),
    ("kid is SQL", lambda: signed(head(kid="' OR 1=1 --"), claims())),
    ("kid is huge", lambda: signed(head(kid="k" * 8000), claims())),
    ("kid is a number", lambda: signed(head(kid=1), claims())),
    ("kid is a list", lambda: signed(head(kid=[kid()]), claims())),
    ("kid is an object", lambda: signed(head(kid={"kid": kid()}), claims())),
    ("kid is null", lambda: signed(head(kid=None), claims())),
    ("another key's kid", lambda: signed(head(kid=kid(NEW)), claims(), key=NEW)),
    ("our kid, another's signature", lambda: signed(head(), claims(), key=NEW)),
    ("its own key", lambda: signed(head(kid=kid(NEW), jwk=public(NEW)), claims(), key=NEW)),
    ("crit", lambda: signed(head(crit=["exp"]), claims())),
    ("crit b64", lambda: signed(head(crit=["b64"], b64=False), claims())),
    ("crit b64, and true", lambda: signed(head(crit=["b64"], b64=True), claims())),
    ("no typ", lambda: signed(head(typ=...), claims())),
    ("typ JWT", lambda: signed(head(typ="JWT"), claims())),
    ("typ of a log-out", lambda: signed(head(typ="logout+jwt"), claims())),
    ("another issuer", lambda: signed(head(), claims(iss="https://other.example"))),
    ("no issuer", lambda: signed(head(), claims(iss=...))),
    ("issuers", lambda: signed(head(), claims(iss=["rufaa"]))),
    ("another audience", lambda: signed(head(), claims(aud="convex"))),
    ("no audience", lambda: signed(head(), claims(aud=...))),
    ("several audiences", lambda: signed(head(), claims(aud=["rufaa", "convex"]))),
    ("no subject", lambda: signed(head(), claims(sub=...))),
    ("a name as subject", lambda: signed(head(), claims(sub="admin"))),
    ("a number as subject", lambda: signed(head(), claims(sub=7))),
    ("no end", lambda: signed(head(), claims(exp=...))),
    ("an end in words", lambda: signed(head(), claims(exp="4000000000"))),
    ("true as end", lambda: signed(head(), claims(exp=True))),
    ("null as end", lambda: signed(head(), claims(exp=None))),
    ("an end beyond all time", lambda: signed(head(), claims(exp=1e300))),
    (
        "no end of digits",
        lambda: signed(head(), json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": 1e999').encode()),
    ),
    ("NaN as end", lambda: signed(head(), json.dumps(claims(exp=float("nan"))).encode())),
    ("NaN elsewhere", lambda: signed(head(), json.dumps(claims(more=float("nan"))).encode())),
    ("no beginning", lambda: signed(head(), claims(iat=...))),
    ("null as beginning", lambda: signed(head(), claims(iat=None))),
    ("no key's id", lambda: signed(head(), claims(key="x"))),
    ("null as key's id", lambda: signed(head(), claims(key=None))),
    ("claims are a list", lambda: signed(head(), b"[1]")),
    ("claims are no JSON", lambda: signed(head(), b"{")),
    ("claims are not UTF-8", lambda: signed(head(), b'{"sub": "\xff"}')),
    ("claims nest", lambda: signed(head(), b'{"a":' * 1900 + b"1" + b"}" * 1900)),
    ("claims have a long number", lambda: signed(head(), b'{"exp":' + b"9" * 5000 + b"}")),
]


@pytest.mark.parametrize(("what", "made"), BAD, ids=[what for what, _ in BAD])
def test_what_is_no_token_of_ours_is_refused(what: str, made: Callable[[], str]) -> None:
    assert refused(made()) == "This is not a token that this server takes."


def test_the_table_s_own_token_is_good() -> None:
    """The control: what the table's rows are changed from is taken."""
    assert tokens.verify(signed(head(), claims()), keys=KEYS).user == USER


@pytest.mark.parametrize(
    ("name", "twice"),
    [
        ("sub", json.dumps(uuid.UUID(int=7).hex)),
        ("exp", "4000000000"),
        ("iss", '"rufaa"'),
    ],
)
def test_a_claim_that_stands_twice_is_refused(name: str, twice: str) -> None:
    said = json.dumps(claims())
    assert refused(signed(head(), f'{said[:-1]}, "{name}": {twice}}}'.encode())) == compact._NOT_OURS
    assert refused(signed(head(), f'{{"{name}": {twice}, {said[1:]}'.encode())) == compact._NOT_OURS


def test_a_header_that_stands_twice_is_refused() -> None:
    said = json.dumps(head())
    assert refused(signed(f'{said[:-1]}, "alg": "ES256"}}'.encode(), claims())) == compact._NOT_OURS


def test_not_valid_before_is_heeded() -> None:
    soon = int((clock.now() + HOUR).timestamp())
    assert refused(signed(head(), claims(nbf=soon))).startswith("The token is not valid yet.")
    assert refused(signed(head(), claims(iat=soon))).startswith("The token is not valid yet.")


def test_a_token_of_100_kb_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed(head(), claims(more="x" * 100_000))
    monkeypatch.setattr(compact.json, "loads", lambda *_, **__: pytest.fail("it was read"))

    assert refused(token) == f"The token is longer than {MOST_BYTES} bytes."


def test_a_token_of_another_server_is_refused() -> None:
    """Another's secret; and, where a copy was made with its secret, another's address."""
    assert refused(issued(keys=(NEW,))) == compact._NOT_OURS
    assert refused(issued(issuer="https://staging.example"), issuers=("rufaa", HERE)) == compact._NOT_OURS
    assert tokens.verify(issued(issuer=HERE), keys=KEYS, issuers=("rufaa", HERE)).user == USER


def test_the_keys_of_another_curve_are_not_ours() -> None:
    text = ".".join(part(json.dumps(each).encode()) for each in (head(alg="ES384"), claims()))
    private = ec.generate_private_key(ec.SECP384R1())
    signature = part(jwt.get_algorithm_by_name("ES384").sign(text.encode(), private))

    assert refused(f"{text}.{signature}") == compact._NOT_OURS
