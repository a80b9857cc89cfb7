"""What an operator sets: defaults, every bad value refused by name, and nothing read that is not documented."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from rufaa.config import SETTINGS, Config, Mode, load
from rufaa.errors import InvalidSetting

SECRET = "a secret of the tests that is long enough"


def settings(tmp_path: Path, **environ: str) -> Config:
    return load({"RUFAA_DATA": str(tmp_path / "data"), "RUFAA_SECRET_KEYS": SECRET, **environ})


def test_what_stands_without_settings(tmp_path: Path) -> None:
    config = settings(tmp_path)

    assert (config.mode, config.demo) == (Mode.PRODUCTION, False)
    assert (config.host, config.port, config.public_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert config.database_url is None
    assert config.secret_keys == (SECRET,)
    assert (config.trusted_proxies, config.callback_networks) == ((), None)
    assert (config.pool_size, config.pushes_per_s, config.queries_per_min) == (12, 5, 5)


def test_an_empty_setting_is_no_setting(tmp_path: Path) -> None:
    empty = dict.fromkeys(set(SETTINGS) - {"RUFAA_DATA", "RUFAA_SECRET_KEYS"}, "")

    assert settings(tmp_path, **empty).port == 8000


def test_what_is_set_counts(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        RUFAA_MODE="Demo",
        RUFAA_PORT="8123",
        RUFAA_PUBLIC_URL="https://rufaa.or.ke/",
        RUFAA_TRUSTED_PROXIES="10.0.0.1, 192.168.0.0/24",
        RUFAA_CALLBACK_ADDRESSES="196.201.214.200",
        RUFAA_SECRET_KEYS=f"{SECRET}, {SECRET} the second",
        MPESA_PUSHES_PER_S="0.5",
    )

    assert config.demo
    assert (config.port, config.public_url, config.pushes_per_s) == (8123, "https://rufaa.or.ke", 0.5)
    assert [str(network) for network in config.trusted_proxies] == ["10.0.0.1/32", "192.168.0.0/24"]
    assert [str(network) for network in config.callback_networks or ()] == ["196.201.214.200/32"]
    assert config.secret_keys == (SECRET, f"{SECRET} the second")


@pytest.mark.parametrize(
    ("environment", "given", "expected"),
    [
        ("production", "", None),  # then each account's environment decides
        ("production", "any", None),
        ("production", " ANY ", None),
        ("production", "10.0.0.1", 1),
        ("sandbox", "", None),
        ("simulator", "", None),
    ],
)
def test_who_may_speak_for_safaricom_by_default(
    tmp_path: Path, environment: str, given: str, expected: int | None
) -> None:
    config = settings(tmp_path, MPESA_ENVIRONMENT=environment, RUFAA_CALLBACK_ADDRESSES=given)

    found = config.callback_networks
    assert (None if found is None else len(found)) == expected


BAD: list[tuple[str, str, str]] = [
    ("RUFAA_MODE", "live", "demo, development, production"),
    ("RUFAA_PORT", "0", "from 1 to 65535"),
    ("RUFAA_PORT", "65536", "from 1 to 65535"),
    ("RUFAA_PORT", "-1", "from 1 to 65535"),
    ("RUFAA_PORT", "http", "from 1 to 65535"),
    ("RUFAA_PORT", "nan", "from 1 to 65535"),
    ("RUFAA_POOL_SIZE", "3", "from 4 to 200"),
    ("RUFAA_POOL_SIZE", "201", "from 4 to 200"),
    ("RUFAA_ATTACHMENT_MB", "0", "from 1 to 25"),
    ("RUFAA_ATTACHMENT_MB", "26", "from 1 to 25"),
    ("RUFAA_ATTACHMENT_MB", "1.5", "from 1 to 25"),
    ("RUFAA_ATTACHMENTS", "0", "from 1 to 200"),
    ("RUFAA_ATTACHMENTS", "201", "from 1 to 200"),
    ("RUFAA_PUBLIC_URL", "rufaa.or.ke", "http:// or https://"),
    ("RUFAA_PUBLIC_URL", "ftp://rufaa.or.ke", "http:// or https://"),
    ("RUFAA_PUBLIC_URL", "https://", "http:// or https://"),
    ("RUFAA_PUBLIC_URL", "https://rufaa.or.ke/?a=b", "without query"),
    ("RUFAA_PUBLIC_URL", "https://rufaa.or.ke/#a", "without query"),
    ("RUFAA_TRUSTED_PROXIES", "proxy", "addresses or networks"),
    ("RUFAA_TRUSTED_PROXIES", "10.0.0.1/24", "addresses or networks"),
    ("RUFAA_TRUSTED_PROXIES", "10.0.0.1,", "addresses or networks"),
    ("RUFAA_CALLBACK_ADDRESSES", "everybody", "addresses or networks"),
    ("RUFAA_SECRET_KEYS", "short", "at least 32 characters"),
    ("RUFAA_SECRET_KEYS", f"{SECRET},", "at least 32 characters"),
    ("MPESA_PUSHES_PER_S", "0", "from 0.01 to 1000"),
    ("MPESA_PUSHES_PER_S", "inf", "from 0.01 to 1000"),
    ("MPESA_QUERIES_PER_MIN", "-5", "from 0.1 to 60000"),
    ("RUFAA_PORT", "8000.5", "from 1 to 65535"),
    ("RUFAA_POOL_SIZE", "12.9", "from 4 to 200"),
    ("RUFAA_PUBLIC_URL", "http://[::1", "http:// or https://"),
    ("RUFAA_PUBLIC_URL", "http://rufaa.or.ke:http", "http:// or https://"),
    ("RUFAA_PUBLIC_URL", "https://amina:secret@rufaa.or.ke", "without a user's name"),
    ("MPESA_CALLBACKS", "some", "expected, none"),
    ("MPESA_CALLBACKS", "none", "sandbox or simulator only"),
    ("RUFAA_LOG", "loud", "auto, json, plain"),
    ("DATABASE_URL", "mysql://localhost/rufaa", "postgresql://"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, allowed: str
) -> None:
    with pytest.raises(InvalidSetting) as refused:
        settings(tmp_path, **{name: value})

    assert refused.value.code == "invalid-setting"
    assert refused.value.message.startswith(name)
    assert "amina:secret" not in refused.value.message
    assert allowed in refused.value.message


def test_a_secret_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    data = tmp_path / "new data"
    (first,) = load({"RUFAA_DATA": str(data)}).secret_keys
    (again,) = load({"RUFAA_DATA": str(data)}).secret_keys

    assert first == again
    assert len(first) == 64
    assert stat.S_IMODE((data / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["secret.key"]


def test_a_damaged_secret_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("lost")

    with pytest.raises(InvalidSetting, match="restore it from a backup"):
        assert load({"RUFAA_DATA": str(tmp_path)}).secret_keys

    assert (tmp_path / "secret.key").read_text() == "lost"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://u:p%40ss@mail.example:2525", ("mail.example", 2525, "u", "p@ss", False, True)),
        ("smtp://mail.example", ("mail.example", 587, "", "", False, True)),
        ("smtps://mail.example/", ("mail.example", 465, "", "", True, False)),
        ("smtp://localhost:25", ("localhost", 25, "", "", False, False)),
    ],
)
def test_the_mail_server_is_read_from_its_address(url: str, expected: tuple[object, ...]) -> None:
    email = load({"RUFAA_EMAIL_URL": url, "RUFAA_EMAIL_FROM": "rufaa@uhuru.example"}).email

    assert email is not None
    assert (email.host, email.port, email.user, email.password, email.tls, email.starttls) == expected
    assert email.sender == "rufaa@uhuru.example"
    assert load({}).email is None


@pytest.mark.parametrize(
    ("url", "sender", "said"),
    [
        ("http://u:hidden@mail.example", "a@b", "RUFAA_EMAIL_URL: use smtp"),
        ("smtp://u:hidden@", "a@b", "RUFAA_EMAIL_URL: use smtp"),
        ("smtp://u:hidden@mail.example:x", "a@b", "RUFAA_EMAIL_URL: use smtp"),
        ("smtp://u:hidden@mail.example:0", "a@b", "RUFAA_EMAIL_URL: use smtp"),
        ("smtp://u:hidden@mail.example/path", "a@b", "RUFAA_EMAIL_URL: use smtp"),
        ("smtp://u:hidden@mail.example", "", "RUFAA_EMAIL_FROM"),
        ("smtp://u:hidden@mail.example", "no address", "RUFAA_EMAIL_FROM"),
    ],
)
def test_a_mail_server_that_cannot_be_one_is_refused_without_its_password(url: str, sender: str, said: str) -> None:
    with pytest.raises(InvalidSetting, match=said) as refused:
        load({"RUFAA_EMAIL_URL": url, "RUFAA_EMAIL_FROM": sender})
    assert "hidden" not in refused.value.message


BETWEEN_OUR_PARTS = {"RUFAA_SIMULATOR_URL", "RUFAA_DIE_WITH_PARENT", "RUFAA_EARLY"}
"""Said by one of our processes to another; nothing for an operator."""


def test_every_setting_that_is_read_is_documented() -> None:
    """Every name in the source, told in a message or read, is a setting or an alias that a setting names."""
    source = Path(__file__).parents[2] / "src" / "rufaa"
    named = {
        name
        for path in source.rglob("*.py")
        for name in re.findall(r'"((?:RUFAA|MPESA)_[A-Z0-9_]+[A-Z])"', path.read_text(encoding="utf-8"))
    }
    documented = set(SETTINGS) | set(re.findall(r"(?:RUFAA|MPESA)_[A-Z0-9_]+[A-Z]", " ".join(SETTINGS.values())))

    assert named - documented == BETWEEN_OUR_PARTS
    assert {name for name in SETTINGS if name != "DATABASE_URL"} - named == set()


def test_files_are_as_large_and_as_many_as_the_operator_says() -> None:
    usual, other = load({}), load({"RUFAA_ATTACHMENT_MB": "25", "RUFAA_ATTACHMENTS": "5"})

    assert (usual.attachment_bytes, usual.attachments) == (10 * 1024 * 1024, 20)
    assert (other.attachment_bytes, other.attachments) == (25 * 1024 * 1024, 5)


@pytest.mark.parametrize(
    ("url", "where", "user", "key"),
    [
        ("africastalking://rufaa:k%2Fey@api.africastalking.com", "https://api.africastalking.com", "rufaa", "k/ey"),
        ("africastalking://sandbox:key@127.0.0.1:8001", "http://127.0.0.1:8001", "sandbox", "key"),
        ("handset://127.0.0.1:8001", "http://127.0.0.1:8001", "", ""),
    ],
)
def test_the_sms_gateway(url: str, where: str, user: str, key: str) -> None:
    sms = load({"RUFAA_SMS_URL": url, "RUFAA_SMS_FROM": "RUFAA"}).sms

    assert sms is not None
    assert (sms.kind, sms.url, sms.user, sms.key, sms.sender) == (url.partition(":")[0], where, user, key, "RUFAA")


@pytest.mark.parametrize(
    ("url", "sender", "says"),
    [
        ("https://u:hidden@api.africastalking.com", "", "RUFAA_SMS_URL: use africastalking"),
        ("africastalking://api.africastalking.com", "", "RUFAA_SMS_URL: use africastalking"),
        ("africastalking://u:hidden@", "", "RUFAA_SMS_URL: use africastalking"),
        ("africastalking://u:hidden@host:x", "", "RUFAA_SMS_URL: use africastalking"),
        ("africastalking://u:hidden@host/path", "", "RUFAA_SMS_URL: use africastalking"),
        ("handset://u:hidden@127.0.0.1:8001", "", "RUFAA_SMS_URL: use africastalking"),
        ("handset://phones.example.org", "", "on this machine"),
        ("handset://127.0.0.1:8001", "A SENDER TOO LONG", "RUFAA_SMS_FROM"),
        ("handset://127.0.0.1:8001", "x", "RUFAA_SMS_FROM"),
    ],
)
def test_an_sms_gateway_that_cannot_be_is_refused_without_its_key(url: str, sender: str, says: str) -> None:
    with pytest.raises(InvalidSetting, match=says) as refused:
        load({"RUFAA_SMS_URL": url, "RUFAA_SMS_FROM": sender})

    assert "hidden" not in refused.value.message
