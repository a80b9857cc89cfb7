"""The settings of tokens and issuers: what is taken, and a sentence for what is not."""

from __future__ import annotations

import pytest

from rufaa.config import OpenIdIssuer, load
from rufaa.errors import InvalidSetting


def test_tokens_live_ten_minutes_by_default_and_an_hour_at_most() -> None:
    assert load({}).token_life_s == 600
    assert load({"RUFAA_TOKEN_LIFE_S": "60"}).token_life_s == 60
    assert load({"RUFAA_TOKEN_LIFE_S": "3600"}).token_life_s == 3600
    for wrong in ("59", "3601", "0", "-600", "60.5", "ten", "inf"):
        with pytest.raises(InvalidSetting, match="RUFAA_TOKEN_LIFE_S"):
            load({"RUFAA_TOKEN_LIFE_S": wrong})


def test_issuers_with_their_audiences() -> None:
    said = " https://id.example/realms/clinic  rufaa-web rufaa-app,\n https://other.example/ 4711 ,"

    assert load({"RUFAA_OIDC_ISSUERS": said}).oidc_issuers == (
        OpenIdIssuer("https://id.example/realms/clinic", ("rufaa-web", "rufaa-app")),
        OpenIdIssuer("https://other.example/", ("4711",)),
    )
    assert load({}).oidc_issuers == ()
    assert load({"RUFAA_OIDC_ISSUERS": " "}).oidc_issuers == ()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9000", "http://localhost:9000/realms/x", "http://[::1]:9000"])
def test_http_on_this_machine_is_for_development(address: str) -> None:
    (issuer,) = load({"RUFAA_OIDC_ISSUERS": f"{address} web", "RUFAA_MODE": "development"}).oidc_issuers
    assert issuer.may_ask(address)

    with pytest.raises(InvalidSetting, match="is no https address"):
        load({"RUFAA_OIDC_ISSUERS": f"{address} web", "RUFAA_MODE": "production"})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("http://id.example web", "'http://id.example' is no https address"),
        ("id.example web", "'id.example' is no https address"),
        ("https:// web", "'https://' is no https address"),
        ("https://id.example:x web", "is no https address"),
        ("https://[::1 web", "is no https address"),
        ("https://id.example/?a=1 web", "is no https address"),
        ("https://id.example/# web", "is no https address"),
        ("file:///etc/passwd web", "is no https address"),
        ("https://me:secret@id.example web", "an entry is no https address"),
        ("https://id.example", "https://id.example needs an audience"),
        ("https://id.example web, https://id.example app", "is named twice"),
        ("https://referrals.example web", "or is this server itself"),
    ],
)
def test_what_is_no_issuer(said: str, why: str) -> None:
    for mode in ("production", "development"):
        with pytest.raises(InvalidSetting) as refused:
            load({"RUFAA_OIDC_ISSUERS": said, "RUFAA_MODE": mode, "RUFAA_PUBLIC_URL": "https://referrals.example/"})
        assert refused.value.message.startswith("RUFAA_OIDC_ISSUERS: ")
        assert why in refused.value.message
        assert "secret" not in refused.value.message
