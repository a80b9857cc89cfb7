"""Settings, credentials and the callback address: everything that is wrong is named, and no secret is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from daraja.certificates import Safaricom, certificate_of
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.client import Credentials
from rufaa.daraja.credentials import AccountKind, C2bVersion, Environment, InvalidCredentials, PullMethod
from rufaa.daraja.settings import CALLBACK_ADDRESSES, SETTING_NAMES, credentials_from
from rufaa.errors import InvalidArgument, Kind

SANDBOX = {
    "MPESA_ENVIRONMENT": "sandbox",
    "MPESA_CONSUMER_KEY": "test-key",
    "MPESA_CONSUMER_SECRET": "test-secret-value",
    "MPESA_SHORTCODE": "600100",
    "MPESA_PASSKEY": "test-passkey-value",
}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidCredentials) as caught:
        credentials_from(environ)
    assert caught.value.kind is Kind.INVALID
    assert "secret-value" not in str(caught.value)
    assert "passkey-value" not in str(caught.value)
    assert caught.value.data["problems"] == caught.value.problems
    return caught.value.problems


def test_nothing_set_is_none() -> None:
    assert credentials_from({"PATH": "/bin", "MPESA_ENVIRONMENT": "", "MPESA_PASSKEY": "  "}) is None


def test_a_paybill() -> None:
    account = credentials_from(SANDBOX)
    assert account == Credentials(
        environment=Environment.SANDBOX,
        base_url="https://sandbox.safaricom.co.ke",
        short_code="600100",
        till_number=None,
        kind=AccountKind.PAYBILL,
        consumer_key="test-key",
        consumer_secret="test-secret-value",
        passkey="test-passkey-value",
    )
    assert (account.transaction_type, account.party_b) == ("CustomerPayBillOnline", "600100")


def test_a_till_in_production() -> None:
    till = {"MPESA_ENVIRONMENT": "Production", "MPESA_SHORTCODE_TYPE": "till_number", "MPESA_TILL_NUMBER": "5001234"}
    account = credentials_from({**SANDBOX, **till})
    assert account is not None
    assert account.base_url == "https://api.safaricom.co.ke"
    assert (account.transaction_type, account.party_b, account.short_code) == (
        "CustomerBuyGoodsOnline",
        "5001234",
        "600100",
    )


def test_the_simulator_has_its_own_address() -> None:
    account = credentials_from({**SANDBOX, "MPESA_ENVIRONMENT": "simulator", "MPESA_BASE_URL": "http://127.0.0.1:9/x/"})
    assert account is not None
    assert account.url("/oauth") == "http://127.0.0.1:9/x/oauth"


def test_aliases() -> None:
    aliased = {k: v for k, v in SANDBOX.items() if k not in {"MPESA_SHORTCODE", "MPESA_PASSKEY"}}
    aliased |= {"MPESA_EXPRESS_SHORTCODE": "174379", "MPESA_PASS_KEY": "test-passkey-value"}
    account = credentials_from(aliased)
    assert account is not None
    assert (account.short_code, account.passkey) == ("174379", "test-passkey-value")


def test_in_the_sandbox_the_express_short_code_wins_and_elsewhere_it_must_agree() -> None:
    both = {**SANDBOX, "MPESA_EXPRESS_SHORTCODE": "174379"}
    account = credentials_from(both)
    assert account is not None
    assert account.short_code == "174379"
    assert problems({**both, "MPESA_ENVIRONMENT": "production"}) == [
        "MPESA_SHORTCODE and MPESA_EXPRESS_SHORTCODE are both set and differ"
    ]


def test_everything_missing_is_listed_at_once() -> None:
    assert problems({"MPESA_SHORTCODE_TYPE": "till_number"}) == [
        "MPESA_ENVIRONMENT is missing",
        "MPESA_SHORTCODE is missing",
        "MPESA_CONSUMER_KEY is missing",
        "MPESA_CONSUMER_SECRET is missing",
        "MPESA_PASSKEY is missing",
        "MPESA_TILL_NUMBER is missing, which a till needs",
    ]


def test_everything_wrong_is_listed_at_once() -> None:
    wrong = {
        "MPESA_ENVIRONMENT": "live",
        "MPESA_SHORTCODE_TYPE": "buygoods",
        "MPESA_SHORTCODE": "12",
        "MPESA_TILL_NUMBER": "x",
        "MPESA_CONSUMER_KEY": "a:b",
        "MPESA_CONSUMER_SECRET": "test secret-value",
        "MPESA_PASSKEY": "test-passkey-value",
        "MPESA_PASS_KEY": "other-passkey-value",
    }
    assert problems(wrong) == [
        "MPESA_ENVIRONMENT is none of sandbox, production, simulator",
        "MPESA_SHORTCODE_TYPE is neither paybill nor till_number",
        "MPESA_PASSKEY and MPESA_PASS_KEY are both set and differ",
        "the short code is not 5 to 7 digits",
        "the till number is not 5 to 10 digits",
        "the consumer secret is empty, too long, or has spaces or non-ASCII characters",
        "the consumer key has a colon",
    ]


@pytest.mark.parametrize("name", ["MPESA_ENVIRONMENT", "MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET", "MPESA_PASSKEY"])
def test_each_missing_name_is_named(name: str) -> None:
    assert problems({k: v for k, v in SANDBOX.items() if k != name}) == [f"{name} is missing"]


def test_the_base_url_belongs_to_the_simulator() -> None:
    assert problems({**SANDBOX, "MPESA_BASE_URL": "https://elsewhere.example.com"}) == [
        "MPESA_BASE_URL is for the simulator only; sandbox is https://sandbox.safaricom.co.ke"
    ]
    assert problems({**SANDBOX, "MPESA_ENVIRONMENT": "simulator"}) == [
        "MPESA_BASE_URL is missing, which the simulator needs"
    ]


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("ftp://127.0.0.1", "the base URL is not an http or https URL"),
        ("http://", "the base URL is not an http or https URL"),
        ("http://a b", "the base URL is not an http or https URL"),
        ("http://[::1", "the base URL is not a URL"),
        ("http://h:99999", "the base URL is not a URL"),
        ("http://u:p@h", "the base URL has a user, a query or a fragment"),
        ("http://h/?a=b", "the base URL has a user, a query or a fragment"),
    ],
)
def test_base_urls(base_url: str, problem: str) -> None:
    assert problems({**SANDBOX, "MPESA_ENVIRONMENT": "simulator", "MPESA_BASE_URL": base_url}) == [problem]


def test_real_money_never_travels_in_the_clear() -> None:
    with pytest.raises(InvalidCredentials, match="must be https"):
        Credentials(
            environment=Environment.PRODUCTION,
            base_url="http://api.safaricom.co.ke",
            short_code="600100",
            till_number=None,
            kind=AccountKind.PAYBILL,
            consumer_key="k",
            consumer_secret="s",
            passkey="p",
        )


def test_a_till_without_its_number_does_not_exist(paybill: Credentials) -> None:
    with pytest.raises(InvalidArgument, match="a till needs its till number"):
        Credentials(
            environment=paybill.environment,
            base_url=paybill.base_url,
            short_code=paybill.short_code,
            till_number=None,
            kind=AccountKind.TILL,
            consumer_key="k",
            consumer_secret="s",
            passkey="p",
        )


def test_the_repr_hides_the_secrets() -> None:
    account = credentials_from(SANDBOX)
    assert account is not None
    for text in (repr(account), str(account), f"{account}"):
        assert "test-secret-value" not in text
        assert "test-passkey-value" not in text
        assert "test-key" not in text


def test_the_names_are_those_that_are_read() -> None:
    assert len(SETTING_NAMES) == len(set(SETTING_NAMES)) == 16


def test_the_published_callback_addresses() -> None:
    assert len(CALLBACK_ADDRESSES) == 12
    assert all(address.startswith("196.201.21") for address in CALLBACK_ADDRESSES)


# ---------------------------------------------------------------- the initiator, C2B and Pull


@pytest.fixture
def initiator(tmp_path: Path, safaricom: Safaricom) -> dict[str, str]:
    file = tmp_path / "safaricom.cer"
    file.write_text(safaricom.certificate)
    return {
        "MPESA_INITIATOR_NAME": "testapi",
        "MPESA_INITIATOR_PASSWORD": "test#secret-value&%$",
        "MPESA_CERTIFICATE": str(file),
    }


def test_an_account_of_before_has_no_initiator_and_the_usual_ways() -> None:
    account = credentials_from(SANDBOX)
    assert account is not None
    assert (account.initiator_name, account.initiator_password, account.certificate) == (None, None, None)
    assert (account.c2b_version, account.pull_method, account.nominated_number) == ("v2", "post", None)


def test_an_initiator_is_read_and_its_password_not_shown(initiator: dict[str, str], safaricom: Safaricom) -> None:
    account = credentials_from({**SANDBOX, **initiator})
    assert account is not None
    assert (account.initiator_name, account.initiator_password) == ("testapi", "test#secret-value&%$")
    assert account.certificate == safaricom.certificate
    assert "secret-value" not in repr(account)
    assert "CERTIFICATE" not in repr(account)


def test_c2b_and_pull_have_their_own_settings() -> None:
    given = {"MPESA_C2B_VERSION": "V1", "MPESA_PULL": "GET", "MPESA_NOMINATED_NUMBER": "0708 374 149"}
    account = credentials_from({**SANDBOX, **given})
    assert account is not None
    assert (account.c2b_version, account.pull_method) == (C2bVersion.V1, PullMethod.GET)
    assert account.nominated_number == "254708374149"
    assert "254708374149" not in repr(account)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"MPESA_C2B_VERSION": "v3"}, "MPESA_C2B_VERSION is none of v1, v2"),
        ({"MPESA_PULL": "put"}, "MPESA_PULL is none of post, get"),
        (
            {"MPESA_NOMINATED_NUMBER": "12"},
            "MPESA_NOMINATED_NUMBER is not a Kenyan mobile number: write it as 0712345678, 0112345678 or 254712345678",
        ),
        ({"MPESA_INITIATOR_NAME": "a b"}, "the initiator name is empty, too long, or has spaces or non-ASCII"),
        (
            {"MPESA_INITIATOR_PASSWORD": "secret-value (1)"},
            "the initiator password is empty, longer than 128, or has spaces or non-ASCII characters",
        ),
        (
            {"MPESA_INITIATOR_PASSWORD": "secret-value(1)"},
            "the initiator password has parentheses, which Safaricom refuses",
        ),
        (
            {"MPESA_INITIATOR_PASSWORD": "secret-value" * 11},
            "the initiator password is empty, longer than 128, or has spaces or non-ASCII characters",
        ),
        (
            {"MPESA_CERTIFICATE": "/nowhere/at.all"},
            "MPESA_CERTIFICATE: '/nowhere/at.all' cannot be read (No such file or directory)",
        ),
        ({"MPESA_CERTIFICATE": "a\x00b"}, "MPESA_CERTIFICATE: 'a\\x00b' cannot be read (no path)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_initiator_is_named(
    initiator: dict[str, str], changed: dict[str, str], problem: str
) -> None:
    assert problems({**SANDBOX, **initiator, **changed}) == [problem]


@pytest.mark.parametrize("missing", ["MPESA_INITIATOR_NAME", "MPESA_INITIATOR_PASSWORD", "MPESA_CERTIFICATE"])
def test_an_initiator_is_whole_or_none(initiator: dict[str, str], missing: str) -> None:
    part = {name: value for name, value in initiator.items() if name != missing}
    assert problems({**SANDBOX, **part}) == [
        "an initiator needs a name, a password and a certificate, or none of the three"
    ]


def _elliptic() -> bytes:
    return certificate_of(ec.generate_private_key(ec.SECP256R1())).encode()


def _short() -> bytes:
    return certificate_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)).encode()


NO_CERTIFICATE = "the certificate is not a PEM X.509 certificate with an RSA key"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda: b"", NO_CERTIFICATE),
        (lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NO_CERTIFICATE),
        (_elliptic, NO_CERTIFICATE),
        (lambda: b"-" * 20_000, NO_CERTIFICATE),
        (_short, "the certificate's RSA key is shorter than 2048 bits"),
    ],
)
def test_a_certificate_that_can_hide_no_password(
    tmp_path: Path, initiator: dict[str, str], content: Any, problem: str
) -> None:
    Path(initiator["MPESA_CERTIFICATE"]).write_bytes(content())
    assert problems({**SANDBOX, **initiator}) == [problem]


def test_a_certificate_that_is_no_text(initiator: dict[str, str]) -> None:
    file = initiator["MPESA_CERTIFICATE"]
    Path(file).write_bytes(b"\x30\x82\xff")
    assert problems({**SANDBOX, **initiator}) == [f"MPESA_CERTIFICATE: {file} is not PEM text"]


@pytest.mark.parametrize("number", ["0708374149", "254808374149", "254708374149\n", ""])
def test_a_nominated_number_has_the_one_form(paybill: Credentials, number: str) -> None:
    with pytest.raises(InvalidCredentials, match="the nominated number is not of the form"):
        replace(paybill, nominated_number=number)


# ---------------------------------------------------------------- the callback address

GOOD = "https://pay.rufaa.example.com/h/" + "0123456789abcdef" * 4


def test_a_good_address_has_no_problem() -> None:
    for environment in Environment:
        assert check_callback_url(GOOD, environment=environment) == []
        assert check_callback_url("https://41.90.1.2:8443/h/1", environment=environment) == []


@pytest.mark.parametrize("word", ["M-PESA", "mpesa", "MPesa", "Safaricom", "exe", "EXEC", "cmd", "sql", "query"])
@pytest.mark.parametrize("environment", Environment)
def test_forbidden_words_in_any_case_and_place(word: str, environment: Environment) -> None:
    for url in (f"{GOOD}/{word}", f"{GOOD}?a={word}x", f"https://{word.lower()}.rufaa.co.ke/h/1"):
        assert any("forbids" in problem for problem in check_callback_url(url, environment=environment))


def test_http_only_outside_production() -> None:
    plain = GOOD.replace("https", "http")
    assert check_callback_url(plain, environment=Environment.PRODUCTION) == ["production needs https"]
    assert check_callback_url(plain, environment=Environment.SANDBOX) == []


@pytest.mark.parametrize("tunnel", ["ngrok", "mockbin", "requestbin"])
def test_tunnels_only_outside_production(tunnel: str) -> None:
    url = f"https://abc.{tunnel}.io/h/1"
    assert check_callback_url(url, environment=Environment.PRODUCTION) == [f"it uses {tunnel}, which Safaricom refuses"]
    assert check_callback_url(url, environment=Environment.SANDBOX) == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "10.1.2.3", "192.168.1.5", "169.254.169.254", "[::1]", "[fd00::1]", "2130706433",
     "0x7f.1", "server", "server.local", "rufaa.test", "rufaa.internal", "127.0.0.1.", "100.64.0.1"],
)  # fmt: skip
def test_private_hosts_are_for_the_simulator(host: str) -> None:
    url = f"https://{host}/h/1"
    assert check_callback_url(url, environment=Environment.PRODUCTION) == ["its host is not public"]
    assert check_callback_url(url, environment=Environment.SANDBOX) == ["its host is not public"]
    assert check_callback_url(url, environment=Environment.SIMULATOR) == []


@pytest.mark.parametrize("url", ["", " " + GOOD, GOOD + " ", GOOD + "\n", "https://a.b.c/h/\t1", "https://ü.co.ke/h"])
def test_stray_characters(url: str) -> None:
    problem = "it is empty or has spaces, control or non-ASCII characters"
    assert check_callback_url(url, environment=Environment.SIMULATOR) == [problem]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://[::1", "it is not a URL"),
        ("https://h.co.ke:99999/", "it is not a URL"),
        ("ftp://h.co.ke/", "it is not an http or https URL with a host"),
        ("//h.co.ke/", "it is not an http or https URL with a host"),
        ("https:///h", "it is not an http or https URL with a host"),
        ("https://u:p@h.co.ke/", "it has a user or a fragment"),
        ("https://h.co.ke/#x", "it has a user or a fragment"),
        ("https://Pay.co.ke/", "its host has upper-case letters"),
    ],
)
def test_shapes(url: str, problem: str) -> None:
    assert check_callback_url(url, environment=Environment.PRODUCTION) == [problem]
