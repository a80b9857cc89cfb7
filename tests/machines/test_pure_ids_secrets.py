"""Ids, account codes, the clock, sealed values and the callback address."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa import clock, ids, secret
from rufaa.config import Network
from rufaa.daraja.callback_url import FORBIDDEN_WORDS, check_callback_url
from rufaa.daraja.credentials import Environment
from rufaa.ingest.address import (
    PREFIX_LENGTH,
    PREFIXES,
    Kind,
    callback_url,
    confirmation_url,
    may_speak_for_safaricom,
    report_at,
    result_url,
    timeout_url,
    validation_url,
)
from rufaa.source import source_of

# --- ids ------------------------------------------------------------------------------------------------------------

ALPHABET = ids.ACCOUNT_CODE_ALPHABET
bodies = st.text(alphabet=ALPHABET, min_size=7, max_size=7)


def whole(body: str) -> str:
    return body + ids.check_character(body)


@given(bodies)
def test_every_single_wrong_character_of_an_account_code_is_noticed(body: str) -> None:
    code = whole(body)
    assert ids.is_account_code(code)
    for place in range(len(code)):
        for letter in ALPHABET.replace(code[place], ""):
            assert not ids.is_account_code(code[:place] + letter + code[place + 1 :])


@given(bodies)
def test_every_swap_of_two_unequal_neighbours_is_noticed(body: str) -> None:
    code = whole(body)
    for place in range(len(code) - 1):
        swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        assert ids.is_account_code(swapped) is (swapped == code)


@pytest.mark.parametrize("text", ["", "2345679", "23456799A", "abcdefgh", "2222222O", "        ", "2222222٢"])
def test_what_was_never_given_out_is_no_account_code(text: str) -> None:
    assert not ids.is_account_code(text)


def test_account_codes_fit_where_mpesa_shows_them_and_have_no_look_alikes() -> None:
    codes = {ids.new_account_code() for _ in range(500)}

    assert len(codes) == 500
    assert all(ids.is_account_code(code) and len(code) <= 12 for code in codes)
    assert len(set(ALPHABET)) == len(ALPHABET) == 23
    for twins in ("0ODQ", "1IL", "5S", "8B", "2Z", "UV"):
        assert len(set(ALPHABET) & set(twins)) <= 1


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_the_millisecond_they_were_made_in(one: int, other: int, chance: bytes) -> None:
    first, second = ids.new_id(now_ms=one, chance=chance), ids.new_id(now_ms=other, chance=bytes(10))

    if one != other:
        assert (first < second) is (one < other)
        assert (first.hex < second.hex) is (one < other)
    assert first.version == 7
    assert first.variant == uuid.RFC_4122
    assert first.int >> 80 == one


@given(st.uuids())
def test_an_id_reads_back_as_it_was_written(identifier: uuid.UUID) -> None:
    assert ids.from_wire(ids.wire(identifier)) == identifier


@pytest.mark.parametrize(
    "text", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, str(uuid.UUID(int=0)), "0" * 32 + "\n", 7, None]
)
def test_what_has_not_the_form_of_an_id_names_nothing(text: object) -> None:
    assert ids.from_wire(text) is None


def test_the_patients_link_is_128_bits_of_chance() -> None:
    tokens = {ids.new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 32 and int(token, 16) >= 0 for token in tokens)


# --- clock ----------------------------------------------------------------------------------------------------------


@given(st.integers(946_684_800, 4_102_444_800), st.integers(0, 999_999))
def test_a_daraja_timestamp_is_nairobi_time_and_reads_back(seconds: int, microseconds: int) -> None:
    instant = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
    text = clock.daraja_timestamp(instant)

    assert text == (instant + timedelta(hours=3)).strftime("%Y%m%d%H%M%S")
    assert clock.from_daraja_timestamp(text) == instant.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026", "20261123064334 ", "20261323064334", "20260230000000", "20261123250000", "2026112306433x"),
        *("00010101000000", "00000000000000", "٢٠٢٦١١٢٣٠٦٤٣٣٤"),
    ],
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the standard library words most of them
        clock.from_daraja_timestamp(text)


def test_creation_time_is_milliseconds() -> None:
    assert clock.to_ms(datetime(2026, 1, 1, tzinfo=UTC)) == 1_767_225_600_000.0


# --- secrets ----------------------------------------------------------------------------------------------------------

OLD, NEW = "the old secret, long enough to be one", "the new secret, long enough to be one"


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_with_the_key_ring_and_its_context(plain: bytes, context: str) -> None:
    sealed = secret.seal([OLD], plain, context=context)

    assert plain == b"" or plain not in sealed or len(plain) < 3
    assert secret.unseal([OLD], sealed, context=context) == plain
    assert secret.unseal([NEW, OLD], sealed, context=context) == plain  # the secret was rotated meanwhile


def test_a_rotated_ring_seals_with_its_first_key() -> None:
    sealed = secret.seal([NEW, OLD], b"passkey", context="account")

    assert secret.unseal([NEW], sealed, context="account") == b"passkey"
    with pytest.raises(secret.CannotUnseal):
        secret.unseal([OLD], sealed, context="account")


@pytest.mark.parametrize("place", [0, 11, 12, -1])
def test_a_changed_byte_another_context_or_a_lost_key_opens_nothing(place: int) -> None:
    sealed = bytearray(secret.seal([OLD], b"passkey", context="account-1"))

    with pytest.raises(secret.CannotUnseal, match="No key in RUFAA_SECRET_KEYS opens account-2"):
        secret.unseal([OLD], bytes(sealed), context="account-2")
    with pytest.raises(secret.CannotUnseal):
        secret.unseal([NEW], bytes(sealed), context="account-1")
    with pytest.raises(secret.CannotUnseal):
        secret.unseal([], bytes(sealed), context="account-1")
    sealed[place] ^= 1
    with pytest.raises(secret.CannotUnseal):
        secret.unseal([OLD], bytes(sealed), context="account-1")


@pytest.mark.parametrize("size", [0, 1, 7, 8, 12, 20])
def test_a_truncated_value_opens_nothing(size: int) -> None:
    sealed = secret.seal([OLD], b"passkey", context="account")[:size]

    with pytest.raises(secret.CannotUnseal):
        secret.unseal([OLD], sealed, context="account")


def test_sealing_twice_shows_nothing_in_common() -> None:
    one, other = (secret.seal([OLD], b"passkey", context="account") for _ in range(2))

    assert one[:12] != other[:12]
    assert one != other


def test_one_secret_gives_a_key_for_each_purpose() -> None:
    keys = {secret.derive(one, label) for one in (OLD, NEW) for label in ("seal", "callback", "token")}

    assert len(keys) == 6
    assert {len(key) for key in keys} == {32}


# --- the addresses that Safaricom posts to ----------------------------------------------------------------------------

URLS: Final = {
    Kind.STK: callback_url,
    Kind.C2B: confirmation_url,
    Kind.C2B_VALIDATION: validation_url,
    Kind.RESULT: result_url,
    Kind.TIMEOUT: timeout_url,
}
kinds = st.sampled_from(Kind)


@given(kinds, st.uuids())
def test_an_address_says_what_is_reported_and_nothing_that_safaricom_forbids(kind: Kind, subject: uuid.UUID) -> None:
    url = URLS[kind]("https://rufaa.or.ke", subject, keys=[NEW, OLD])
    path = url.removeprefix("https://rufaa.or.ke")

    assert report_at(path, keys=[NEW, OLD]) == (kind, subject)
    assert report_at(path, keys=[OLD]) is None
    assert PREFIXES[path[:PREFIX_LENGTH]] is kind
    assert not any(word in url.lower() for word in FORBIDDEN_WORDS)
    assert check_callback_url(url, environment=Environment.PRODUCTION) == []


@given(kinds, st.uuids(), st.permutations([OLD, NEW, "a third key, which came later"]))
def test_an_address_that_was_registered_once_opens_while_its_key_is_anywhere_in_the_ring(
    kind: Kind, subject: uuid.UUID, ring: list[str]
) -> None:
    registered = URLS[kind]("", subject, keys=[OLD])

    assert report_at(registered, keys=ring) == (kind, subject)
    assert report_at(registered, keys=[key for key in ring if key != OLD]) is None


@given(kinds, st.uuids(), st.integers(0, 67))
def test_a_wrong_letter_anywhere_is_no_address_of_ours(kind: Kind, subject: uuid.UUID, place: int) -> None:
    path = URLS[kind]("", subject, keys=[OLD])
    wrong = "-" if path[place] != "-" else "0"
    digit = "0" if path[place] != "0" else "1"

    assert report_at(path[:place] + wrong + path[place + 1 :], keys=[OLD]) is None
    assert report_at(path[:place] + digit + path[place + 1 :], keys=[OLD]) is None


@pytest.mark.parametrize("form", ["{upper}", "{path}\n", "{path}/", "/{path}", "{path}?a=b", "", "{begin}", "{begin}-"])
@pytest.mark.parametrize("kind", Kind)
def test_only_the_exact_path_is_an_address(kind: Kind, form: str) -> None:
    path = URLS[kind]("", uuid.UUID(int=10**37), keys=[OLD])

    tried = form.format(path=path, upper=path.upper(), begin=path[:PREFIX_LENGTH])

    assert report_at(tried, keys=[OLD]) is None


@pytest.mark.parametrize("other", Kind)
@pytest.mark.parametrize("kind", Kind)
def test_the_secret_of_one_address_opens_no_other(kind: Kind, other: Kind) -> None:
    """Neither another prompt, account or order, nor the same one's address of another kind."""
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    stolen = URLS[kind]("", one, keys=[OLD]).rpartition("-")[2]
    begin = URLS[other]("", one, keys=[OLD])[:PREFIX_LENGTH]

    assert report_at(f"{begin}{two.hex}-{stolen}", keys=[OLD]) is None
    assert report_at(f"{begin}{one.hex}-{stolen}", keys=[OLD]) == ((kind, one) if kind is other else None)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "source"),
    [
        ("196.201.214.200", "", (), "196.201.214.200"),
        ("203.0.113.9", "196.201.214.200", (), "203.0.113.9"),  # nobody named this proxy
        ("10.0.0.1", "196.201.214.200", ("10.0.0.1",), "196.201.214.200"),
        ("10.0.0.1", "196.201.214.200, 203.0.113.9", ("10.0.0.1",), "203.0.113.9"),  # what it wrote before is hearsay
        ("10.0.0.1", "196.201.214.200, 10.0.0.2", ("10.0.0.0/24",), "196.201.214.200"),
        ("10.0.0.1", "", ("10.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", "nonsense", ("10.0.0.1",), "nonsense"),
    ],
)
def test_where_a_request_really_comes_from(peer: str, forwarded: str, trusted: tuple[str, ...], source: str) -> None:
    assert source_of(peer, forwarded, trusted_proxies=networks(*trusted)) == source


def test_who_may_speak_for_safaricom() -> None:
    listed = networks("196.201.214.200", "196.201.213.0/24")

    assert may_speak_for_safaricom("196.201.214.200", listed)
    assert may_speak_for_safaricom("::ffff:196.201.214.200", listed)
    assert may_speak_for_safaricom("196.201.213.7", listed)
    assert not may_speak_for_safaricom("196.201.214.201", listed)
    assert not may_speak_for_safaricom("nonsense", listed)
    assert not may_speak_for_safaricom("196.201.214.200", ())
    assert may_speak_for_safaricom("203.0.113.9", None)  # the operator switched the check off
