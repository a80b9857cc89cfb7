"""OpenID issuers: what a token of one must be, where its keys come from, and that its troubles stay its own.

The issuer is a real HTTP server on loopback (``stub_issuer``); only the clock of the keys' age is moved.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rufaa import clock
from rufaa.config import OpenIdIssuer
from rufaa.signin import compact, issuers, key_sets
from rufaa.signin.compact import BadToken
from rufaa.signin.issuers import Foreign, Issuers, IssuerSilent
from rufaa.signin.key_sets import NoKeySet
from signin.stub_issuer import AUDIENCE, DISCOVERY, KEYS, MADE, SUBJECT, StubIssuer, jwk_of, part, running_issuer
from support import wait_until

NO_TOKEN: Final = "This is not a token that this server takes."


@pytest.fixture
def stub() -> Iterator[StubIssuer]:
    with running_issuer() as running:
        yield running


class Story:
    """Issuers, whose time the test moves."""

    def __init__(self, *stubs: StubIssuer) -> None:
        self.time_s = 1000.0
        given = [OpenIdIssuer(each.url, (AUDIENCE, "rufaa-app"), loopback=True) for each in stubs]
        self.issuers = Issuers(given, now=lambda: self.time_s)

    async def verify(self, token: str) -> Foreign:
        read = compact.read(token)
        assert self.issuers.knows(read.claims.get("iss"))
        return await self.issuers.verify(read)

    async def refused(self, token: str) -> str:
        with pytest.raises(BadToken) as error:
            await self.verify(token)
        return str(error.value)


def run(tell: Callable[[Story], Coroutine[Any, Any, None]], *stubs: StubIssuer) -> None:
    async def main() -> None:
        story = Story(*stubs)
        async with story.issuers:
            await tell(story)

    asyncio.run(asyncio.wait_for(main(), 30))


def verified(stub: StubIssuer, token: str) -> Foreign:
    found: list[Foreign] = []

    async def tell(story: Story) -> None:
        found.append(await story.verify(token))

    run(tell, stub)
    return found[0]


def refused(stub: StubIssuer, token: str) -> str:
    found: list[str] = []

    async def tell(story: Story) -> None:
        found.append(await story.refused(token))

    run(tell, stub)
    return found[0]


# --- tokens that are good --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_token_by_any_key_of_two_parts_is_taken(stub: StubIssuer, algorithm: str) -> None:
    stub.publish(
        jwk_of(ec.generate_private_key(ec.SECP256R1()), "ES256", kid="other"), jwk_of(MADE[algorithm], algorithm)
    )
    claims = stub.claims()

    assert verified(stub, stub.token(algorithm=algorithm)) == Foreign(stub.url, SUBJECT, int(claims["exp"]) + 60)  # type: ignore[call-overload]
    assert stub.asked == [DISCOVERY, KEYS]


@pytest.mark.parametrize("audience", [AUDIENCE, "rufaa-app", ["someone", "rufaa-app"]])
def test_one_of_our_audiences_is_enough(stub: StubIssuer, audience: object) -> None:
    assert verified(stub, stub.token(aud=audience)).subject == SUBJECT


@pytest.mark.parametrize("kind", [..., "JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_the_types_of_tokens_that_sign_somebody_in(stub: StubIssuer, kind: object) -> None:
    assert verified(stub, stub.token(header={"typ": kind})).subject == SUBJECT


def test_a_token_without_a_key_s_name_is_taken_where_one_key_alone_can_be_meant(stub: StubIssuer) -> None:
    stub.publish(jwk_of(MADE["ES256"], "ES256"), jwk_of(MADE["RS256"], "RS256", kid="two"))
    nameless = stub.token(header={"kid": ...})
    assert verified(stub, nameless).subject == SUBJECT

    stub.publish(jwk_of(MADE["ES256"], "ES256"), jwk_of(MADE["ES256"], "ES256", kid="two"))
    assert refused(stub, nameless) == NO_TOKEN

    stub.publish(jwk_of(MADE["ES256"], "ES256", kid=None))
    assert verified(stub, nameless).subject == SUBJECT
    assert refused(stub, stub.token()) == NO_TOKEN


def test_clocks_may_differ_by_a_minute(stub: StubIssuer) -> None:
    now = int(clock.now().timestamp())
    assert verified(stub, stub.token(exp=now - 50)).expires_at == now + 10
    assert verified(stub, stub.token(nbf=now + 50, iat=now + 50)).subject == SUBJECT
    assert refused(stub, stub.token(exp=now - 61)) == "The token has expired. Get a new one."
    for name in ("nbf", "iat"):
        assert refused(stub, stub.token(**{name: now + 70})).startswith("The token is not valid yet.")


# --- and what is none ------------------------------------------------------------------------------------------------


def hs256(stub: StubIssuer, secret: bytes, **header: object) -> str:
    head = {"alg": "HS256", "typ": "JWT", "kid": "one", **header}
    text = f"{part(head)}.{part(stub.claims())}"
    return f"{text}.{part(jwt.get_algorithm_by_name('HS256').sign(text.encode(), secret))}"


def public_pem() -> bytes:
    pem: bytes = MADE["ES256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def twice(stub: StubIssuer, member: str) -> bytes:
    return f"{json.dumps(stub.claims())[:-1]}, {member}}}".encode()


ANOTHER: Final = ec.generate_private_key(ec.SECP256R1())
BAD: Final[list[tuple[str, Callable[[StubIssuer], str]]]] = [
    ("alg none", lambda stub: f"{part({'alg': 'none', 'kid': 'one'})}.{part(stub.claims())}.x"),
    ("another's signature", lambda stub: stub.token(key=ANOTHER)),
    ("HS256 under the public key", lambda stub: hs256(stub, public_pem())),
    ("HS256, said to be ES256", lambda stub: hs256(stub, public_pem(), alg="ES256")),
    ("an algorithm that the key is not for", lambda stub: stub.token(algorithm="RS256")),
    ("ES256K", lambda stub: stub.token(header={"alg": "ES256K"})),
    ("no alg", lambda stub: stub.token(header={"alg": ...})),
    ("alg is a list", lambda stub: stub.token(header={"alg": ["ES256"]})),
    ("an unknown kid", lambda stub: stub.token(header={"kid": "two"})),
    ("kid is a path", lambda stub: stub.token(header={"kid": "../../keys"})),
    ("kid is an address", lambda stub: stub.token(header={"kid": "http://127.0.0.1:1/keys"})),
    ("kid is huge", lambda stub: stub.token(header={"kid": "k" * 8000})),
    ("kid is a number", lambda stub: stub.token(header={"kid": 1})),
    ("kid is null", lambda stub: stub.token(header={"kid": None})),
    ("its own key", lambda stub: stub.token(key=ANOTHER, header={"jwk": jwk_of(ANOTHER, "ES256")})),
    ("crit", lambda stub: stub.token(header={"crit": ["b64"], "b64": True})),
    ("typ of a log-out", lambda stub: stub.token(header={"typ": "logout+jwt"})),
    ("typ of a proof of possession", lambda stub: stub.token(header={"typ": "dpop+jwt"})),
    ("typ is a list", lambda stub: stub.token(header={"typ": ["JWT"]})),
    ("events", lambda stub: stub.token(events={"http://schemas.openid.net/event/backchannel-logout": {}})),
    ("another audience", lambda stub: stub.token(aud="somebody-else")),
    ("no audience", lambda stub: stub.token(aud=...)),
    ("an empty list of audiences", lambda stub: stub.token(aud=[])),
    ("an audience that is no text", lambda stub: stub.token(aud={AUDIENCE: 1})),
    ("a part of an audience", lambda stub: stub.token(aud=AUDIENCE[:-1])),
    ("no subject", lambda stub: stub.token(sub=...)),
    ("an empty subject", lambda stub: stub.token(sub="")),
    ("a long subject", lambda stub: stub.token(sub="s" * 256)),
    ("a subject with a NUL", lambda stub: stub.token(sub="a\x00b")),
    ("a subject of half a character", lambda stub: stub.token(sub="a\ud800")),
    ("a number as subject", lambda stub: stub.token(sub=7)),
    ("no end", lambda stub: stub.token(exp=...)),
    ("an end in words", lambda stub: stub.token(exp="4000000000")),
    ("a subject that stands twice", lambda stub: stub.token(raw=twice(stub, '"sub": "another"'))),
]


@pytest.mark.parametrize(("what", "made"), BAD, ids=[what for what, _ in BAD])
def test_what_is_no_token_for_us_is_refused(stub: StubIssuer, what: str, made: Callable[[StubIssuer], str]) -> None:
    assert refused(stub, made(stub)) == NO_TOKEN


def test_the_table_s_own_token_is_good(stub: StubIssuer) -> None:
    assert verified(stub, stub.token()).subject == SUBJECT


WEAK: Final = rsa.generate_private_key(65537, 1024)
UNUSABLE: Final[list[tuple[str, dict[str, object], Callable[[StubIssuer], str]]]] = [
    (
        "a shared secret",
        {"kty": "oct", "k": part(b"k" * 32), "kid": "one", "alg": "HS256"},
        lambda stub: hs256(stub, b"k" * 32),
    ),
    ("an RSA key of 1024 bits", jwk_of(WEAK, "RS256"), lambda stub: stub.token(algorithm="RS256", key=WEAK)),
    ("a key for encryption", jwk_of(MADE["ES256"], "ES256", use="enc"), lambda stub: stub.token()),
    ("a key for signing alone", jwk_of(MADE["ES256"], "ES256", key_ops=["sign"]), lambda stub: stub.token()),
    (
        "a key for another algorithm",
        jwk_of(MADE["RS256"], "RS256", alg="PS256"),
        lambda stub: stub.token(algorithm="RS256"),
    ),
    ("a point that is not on the curve", jwk_of(MADE["ES256"], "ES256", y=part(b"1" * 32)), lambda stub: stub.token()),
    ("a name that is no text", jwk_of(MADE["ES256"], "ES256", kid=1), lambda stub: stub.token(header={"kid": ...})),  # type: ignore[arg-type]
    ("a curve of another kind", jwk_of(MADE["ES256"], "ES256", crv="secp256k1", alg=...), lambda stub: stub.token()),
]


@pytest.mark.parametrize(("what", "jwk", "made"), UNUSABLE, ids=[what for what, _, _ in UNUSABLE])
def test_a_key_that_cannot_be_used_is_left_out(
    stub: StubIssuer, what: str, jwk: dict[str, object], made: Callable[[StubIssuer], str]
) -> None:
    stub.publish(jwk, jwk_of(MADE["EdDSA"], "EdDSA", kid="good"))

    assert refused(stub, made(stub)) == NO_TOKEN
    assert verified(stub, stub.token(algorithm="EdDSA", header={"kid": "good"})).subject == SUBJECT


def test_no_address_that_a_token_names_is_asked(stub: StubIssuer) -> None:
    """A forger's server has the key to the token, and is never heard of."""
    with running_issuer() as forger:
        forger.publish(jwk_of(ANOTHER, "ES256"))
        for name in ("jku", "x5u", "iss", "jwks_uri"):
            token = stub.token(key=ANOTHER, header={name: forger.url + KEYS})
            assert refused(stub, token) == NO_TOKEN
        for name in ("jwks_uri", "jku"):
            assert refused(stub, stub.token(key=ANOTHER, **{name: forger.url + KEYS})) == NO_TOKEN
        assert forger.asked == []


def test_an_issuer_that_is_not_in_the_settings_is_not_known(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        known = story.issuers.knows
        assert known(stub.url)
        for other in (f"{stub.url}/", stub.url.upper(), "https://other.example", "", None, 7, [stub.url], {}):
            assert not known(other)

    run(tell, stub)


@pytest.mark.parametrize(("bits", "taken"), [(1024, False), (2040, False), (2048, True), (16384, True), (16392, False)])
def test_how_long_an_rsa_key_may_be(bits: int, taken: bool) -> None:
    """One that is too long takes long to check with."""
    modulus = part(b"\xff" * (bits // 8))
    document = {"keys": [{"kty": "RSA", "n": modulus, "e": "AQAB"}]}

    if taken:
        assert len(key_sets.read(document).keys) == 6
    else:
        with pytest.raises(NoKeySet):
            key_sets.read(document)


def test_a_private_key_that_was_published_checks_as_a_public_one(stub: StubIssuer) -> None:
    for algorithm in ("RS256", "ES256", "EdDSA"):
        whole = jwt.get_algorithm_by_name(algorithm).to_jwk(MADE[algorithm], as_dict=True)
        stub.publish(
            {**jwk_of(MADE[algorithm], algorithm), **{name: whole[name] for name in whole if name != "key_ops"}}
        )

        assert verified(stub, stub.token(algorithm=algorithm)).subject == SUBJECT


# --- where its keys come from ----------------------------------------------------------------------------------------


def silent(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        with pytest.raises(IssuerSilent) as error:
            await story.verify(stub.token())
        assert error.value.message.endswith("so its tokens cannot be checked. Try again shortly.")
        assert stub.url in error.value.message

    run(tell, stub)


TROUBLES: Final[dict[str, dict[str, Any]]] = {
    "an error": {DISCOVERY: 500},
    "nothing there": {DISCOVERY: 404},
    "no JSON": {DISCOVERY: b"<html>"},
    "JSON without end": {DISCOVERY: b"[" * 100_000},
    "a list": {DISCOVERY: []},
    "an answer without end": {DISCOVERY: b"x" * (issuers.MOST_BYTES + 1)},
    "the keys are an error": {KEYS: 503},
    "the keys are no set": {KEYS: ["ES256"]},
    "no keys": {KEYS: {"keys": []}},
    "no key that is taken": {KEYS: {"keys": [{"kty": "oct", "k": "AA"}]}},
    "too many keys": {KEYS: {"keys": [jwk_of(MADE["ES256"], "ES256")] * 101}},
    "more keys than are read": {KEYS: b'{"keys": [' + b"1," * issuers.MOST_BYTES + b"1]}"},
}


@pytest.mark.parametrize("answers", TROUBLES.values(), ids=TROUBLES.keys())
def test_keys_that_cannot_be_read_are_no_reason_to_refuse(stub: StubIssuer, answers: dict[str, Any]) -> None:
    stub.answers |= answers
    silent(stub)


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
def test_an_answer_counts_only_as_what_it_says_it_is(stub: StubIssuer, path: str) -> None:
    """What stands in an error, or goes on beyond all measure, may look as good as it likes."""
    good = json.dumps(stub.answers[path]).encode()
    for answer in ((500, good), (404, good), (203, good), good + b" " * issuers.MOST_BYTES):
        stub.answers[path] = answer
        silent(stub)

    stub.answers[path] = good + b" " * (issuers.MOST_BYTES - len(good))  # the control
    assert verified(stub, stub.token()).subject == SUBJECT


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
def test_no_redirect_is_followed(stub: StubIssuer, path: str) -> None:
    with running_issuer() as elsewhere:
        elsewhere.answers["/there"] = stub.answers[path]
        stub.answers[path] = f"{elsewhere.url}/there"
        silent(stub)
        assert elsewhere.asked == []


def test_a_discovery_of_another_issuer_is_not_believed(stub: StubIssuer) -> None:
    for other in ("https://other.example", f"{stub.url}/", None):
        stub.answers[DISCOVERY] = {"issuer": other, "jwks_uri": stub.url + KEYS}
        silent(stub)
    assert stub.count(KEYS) == 0


@pytest.mark.parametrize(
    "address",
    [
        "http://keys.example/keys", "ftp://127.0.0.1/keys", "file:///etc/passwd", "//127.0.0.1/keys", "", 7, None,
        "http://127.0.0.1@keys.example/", "http://127.0.0.1.keys.example/", "http://0x7f000001/", "http://[::1/",
    ],
)  # fmt: skip
def test_keys_are_fetched_by_https_alone_or_from_this_machine(stub: StubIssuer, address: object) -> None:
    stub.answers[DISCOVERY] = {"issuer": stub.url, "jwks_uri": address}
    silent(stub)
    assert stub.asked == [DISCOVERY]


def test_in_production_no_key_comes_by_http(stub: StubIssuer) -> None:
    async def tell() -> None:
        async with issuers.session() as client:
            stub.answers[DISCOVERY] = {"issuer": stub.url, "jwks_uri": stub.url + KEYS}
            with pytest.raises(issuers.Unusable, match="its jwks_uri is no https address"):
                await issuers.keys_of(OpenIdIssuer(stub.url, (AUDIENCE,)), client)

    asyncio.run(tell())
    assert stub.count(KEYS) == 0


# --- keys that change ------------------------------------------------------------------------------------------------


def rotate(stub: StubIssuer) -> None:
    stub.publish(jwk_of(MADE["EdDSA"], "EdDSA", kid="two"))


def newer(stub: StubIssuer) -> str:
    return stub.token(algorithm="EdDSA", header={"kid": "two"})


def test_a_new_key_is_fetched_when_a_token_names_it(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        await story.verify(stub.token())
        rotate(stub)
        story.time_s += issuers.UNKNOWN_EVERY_S

        assert (await story.verify(newer(stub))).subject == SUBJECT

        assert await story.refused(stub.token()) == NO_TOKEN  # the old one was taken away
        assert stub.count() == 2

    run(tell, stub)


def test_names_that_nobody_knows_do_not_make_us_ask_and_ask(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        await story.verify(stub.token())
        for number in range(200):
            assert await story.refused(stub.token(header={"kid": f"no-{number}"})) == NO_TOKEN
        assert stub.count() == 1
        story.time_s += issuers.UNKNOWN_EVERY_S

        unknown = [story.refused(stub.token(header={"kid": f"no-{number}"})) for number in range(50)]
        assert set(await asyncio.gather(*unknown)) == {NO_TOKEN}

        assert stub.count() == 2
        assert (await story.verify(stub.token())).subject == SUBJECT

    run(tell, stub)


def test_many_who_come_at_once_share_one_reading(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        found = await asyncio.gather(*(story.verify(stub.token()) for _ in range(50)))

        assert {each.subject for each in found} == {SUBJECT}
        assert stub.asked == [DISCOVERY, KEYS]

    run(tell, stub)


def test_keys_are_renewed_behind_the_back_of_who_asks(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        await story.verify(stub.token())
        story.time_s += issuers.FRESH_S - 1
        await story.verify(stub.token())
        assert stub.count() == 1
        story.time_s += 1
        rotate(stub)
        stub.may_answer.clear()

        await story.verify(stub.token())  # nobody waits

        stub.may_answer.set()
        await asyncio.to_thread(wait_until, lambda: stub.count() == 2)
        assert (await story.verify(newer(stub))).subject == SUBJECT
        assert stub.count() == 2

    run(tell, stub)


def test_a_caller_who_goes_away_takes_the_reading_from_nobody(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        stub.may_answer.clear()
        gone, other = (asyncio.create_task(story.verify(stub.token())) for _ in range(2))
        await asyncio.to_thread(wait_until, lambda: bool(stub.asked))

        gone.cancel()

        stub.may_answer.set()
        assert (await other).subject == SUBJECT
        assert gone.cancelled()

    run(tell, stub)


def test_a_key_that_was_taken_away_counts_an_hour_at_most(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        await story.verify(stub.token())
        rotate(stub)
        story.time_s += issuers.TRUSTED_S

        assert await story.refused(stub.token()) == NO_TOKEN

    run(tell, stub)


# --- an issuer that is away ------------------------------------------------------------------------------------------


def test_while_an_issuer_is_away_its_tokens_count_on_for_hours(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        await story.verify(stub.token())
        stub.answers[DISCOVERY] = 500
        story.time_s += issuers.KEPT_S - 1
        assert (await story.verify(stub.token())).subject == SUBJECT
        with pytest.raises(IssuerSilent):  # it may be a new key
            await story.verify(newer(stub))
        story.time_s += 1

        with pytest.raises(IssuerSilent):
            await story.verify(stub.token())

    run(tell, stub)


def test_an_issuer_that_is_away_is_not_asked_by_every_call(stub: StubIssuer) -> None:
    async def tell(story: Story) -> None:
        stub.answers[DISCOVERY] = 500
        for _ in range(50):
            with pytest.raises(IssuerSilent):
                await story.verify(stub.token())
        assert stub.count(DISCOVERY) == 1
        del stub.answers[DISCOVERY]
        stub.answers[DISCOVERY] = {"issuer": stub.url, "jwks_uri": stub.url + KEYS}
        story.time_s += issuers.AGAIN_S - 1
        with pytest.raises(IssuerSilent):
            await story.verify(stub.token())
        story.time_s += 1

        assert (await story.verify(stub.token())).subject == SUBJECT

    run(tell, stub)


def test_an_issuer_that_hangs_holds_up_its_own_people_alone_and_not_for_long(stub: StubIssuer) -> None:
    with running_issuer() as other:

        async def tell(story: Story) -> None:
            stub.may_answer.clear()
            held = asyncio.create_task(story.verify(stub.token()))

            assert (await story.verify(other.token())).issuer == other.url

            assert not held.done()
            with pytest.raises(IssuerSilent):
                await held

        run(tell, stub, other)


def test_a_token_of_one_issuer_is_not_checked_with_the_keys_of_another(stub: StubIssuer) -> None:
    """Both have a key of the same name."""
    with running_issuer() as other:
        other.publish(jwk_of(ANOTHER, "ES256"))

        async def tell(story: Story) -> None:
            assert await story.refused(other.token()) == NO_TOKEN  # signed by the first one's key
            assert await story.refused(stub.token(key=ANOTHER)) == NO_TOKEN
            assert (await story.verify(other.token(key=ANOTHER))).issuer == other.url
            assert (await story.verify(stub.token())).issuer == stub.url

        run(tell, stub, other)


def test_the_end_of_the_server_does_not_wait_for_an_issuer(stub: StubIssuer) -> None:
    async def main() -> None:
        story = Story(stub)
        async with story.issuers:
            stub.may_answer.clear()
            held = asyncio.create_task(story.verify(stub.token()))
            await asyncio.to_thread(wait_until, lambda: bool(stub.asked))
        with pytest.raises(asyncio.CancelledError):
            await held

    asyncio.run(asyncio.wait_for(main(), 30))  # cancelled: it did not wait to be called silent
