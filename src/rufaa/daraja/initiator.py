"""The API operator who may ask for a status, a reversal or a B2C payment: the rules for their password, and the
credential that Safaricom wants in its place (daraja.md §13). Pure but for the padding's randomness.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_CERTIFICATE: Final = 16 * 1024  # Safaricom's are 2 to 3 KiB

_NAME: Final = re.compile(r"[!-~]{1,100}")
_PASSWORD: Final = re.compile(r"[!-~]{1,128}")
_PARENTHESES: Final = frozenset("()")


def security_credential(*, password: str, certificate: str) -> str:
    """base64(RSA PKCS#1 v1.5(password, Safaricom's certificate)), daraja.md §13. Differs each time it is made.

    Raises ``ValueError`` where ``certificate_problem`` would have said why.
    """
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - as below

    return b64encode(_key(certificate).encrypt(password.encode("ascii"), PKCS1v15())).decode()


def name_problem(name: str) -> str | None:
    return None if _NAME.fullmatch(name) else "the initiator name is empty, too long, or has spaces or non-ASCII"


def password_problem(password: str) -> str | None:
    """Safaricom's portal takes # & % $ and refuses parentheses; it made the password, so no more is asked here."""
    if not _PASSWORD.fullmatch(password):
        return "the initiator password is empty, longer than 128, or has spaces or non-ASCII characters"
    if _PARENTHESES & set(password):
        return "the initiator password has parentheses, which Safaricom refuses"
    return None


def certificate_problem(certificate: str) -> str | None:
    """What keeps ``certificate`` from making a credential. Which environment it is for cannot be seen from it."""
    try:
        key = _key(certificate)
    except ValueError:
        return "the certificate is not a PEM X.509 certificate with an RSA key"
    if key.key_size < 2048:
        return "the certificate's RSA key is shorter than 2048 bits"
    return None


def _key(certificate: str) -> RSAPublicKey:
    from cryptography import x509  # noqa: PLC0415 - 6 MB, that a supervisor without an initiator does not need
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    if len(certificate) > MAX_CERTIFICATE:
        raise ValueError("too long")
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not RSA")
    return key
