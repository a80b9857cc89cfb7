"""Values that the tests of the Daraja client share. All numbers, names and secrets are invented."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
def corpus() -> Path:
    """Real and documented payloads. They are not part of the project."""
    folder = Path(os.environ.get("RUFAA_CORPUS") or Path(__file__).parents[3] / "shared" / "daraja-corpus")
    if not (folder / "index.tsv").is_file():
        pytest.skip(f"no corpus at {folder}: set RUFAA_CORPUS")
    return folder
