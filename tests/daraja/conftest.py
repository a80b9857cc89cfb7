"""Values that the tests of the Daraja client share. All numbers, names and secrets are invented."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daraja.certificates import PASSWORD, Safaricom, certificate_of
from rufaa.daraja.credentials import AccountKind, Credentials, Environment


@pytest.fixture
def paybill() -> Credentials:
    return Credentials(
        environment=Environment.SIMULATOR,
        base_url="http://127.0.0.1:1",
        short_code="600100",
        till_number=None,
        kind=AccountKind.PAYBILL,
        consumer_key="test-consumer-key",
        consumer_secret="test-consumer-secret",
        passkey="test-passkey-0123456789",
    )


@pytest.fixture(scope="session")
def safaricom() -> Safaricom:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Safaricom(certificate_of(key), key)


@pytest.fixture
def ordering(paybill: Credentials, safaricom: Safaricom) -> Credentials:
    """An account with an API operator, and a phone for Pull."""
    return replace(
        paybill,
        initiator_name="testapi",
        initiator_password=PASSWORD,
        certificate=safaricom.certificate,
        nominated_number="254708374149",
    )


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real and documented payloads. They are not part of the project."""
    folder = Path(os.environ.get("RUFAA_CORPUS") or Path(__file__).parents[3] / "shared" / "daraja-corpus")
    if not (folder / "index.tsv").is_file():
        pytest.skip(f"no corpus at {folder}: set RUFAA_CORPUS")
    return folder
