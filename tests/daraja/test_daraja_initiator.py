"""The initiator's credential: only the holder of the certificate's key can open it, and it never repeats."""

from __future__ import annotations

import base64

import pytest

from daraja.certificates import Safaricom
from rufaa.daraja.initiator import certificate_problem, security_credential


def test_a_credential_is_the_password_under_the_certificate(safaricom: Safaricom) -> None:
    password = "test#Initiator&%$1"
    made = security_credential(password=password, certificate=safaricom.certificate)
    sealed = base64.b64decode(made, validate=True)
    assert len(sealed) == 256
    assert safaricom.opens(sealed) == password
    assert made != security_credential(password=password, certificate=safaricom.certificate)


def test_the_longest_password_fits(safaricom: Safaricom) -> None:
    made = security_credential(password="x" * 128, certificate=safaricom.certificate)
    assert safaricom.opens(base64.b64decode(made)) == "x" * 128


def test_a_certificate_is_not_read_on_for_ever(safaricom: Safaricom) -> None:
    assert certificate_problem(safaricom.certificate) is None
    assert certificate_problem(safaricom.certificate + "\n" * 20_000) is not None


@pytest.mark.parametrize("certificate", ["", "not PEM", "-" * 20_000])
def test_no_certificate_no_credential(certificate: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - cryptography's words, or ours
        security_credential(password="x", certificate=certificate)
