"""The key behind a SecurityCredential: RSA PKCS#1 v1.5 of the initiator's password, in base64 (daraja.md §13).

The simulator has a key and a certificate of its own, as each of Safaricom's environments has. It is made when it is
first needed and, where a file is given for it, kept there, so that other processes and later starts find the same.
"""

from __future__ import annotations

import base64
import binascii
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from rufaa.errors import Kind, RufaaError

_BITS: Final = 2048
_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2120, 1, 1, tzinfo=UTC)


class KeyUnusable(RufaaError):
    """The file does not hold an RSA key, or cannot be read or made."""

    kind = Kind.UNAVAILABLE
    code = "simulator-key-unusable"


class Key:
    """``certificate`` is PEM text: what a client encrypts with."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.certificate: Final = _certificate(key)

    def opens(self, credential: str) -> str | None:
        """The password in a SecurityCredential; None if there is none that this key can read."""
        try:
            return self._key.decrypt(base64.b64decode(credential, validate=True), PKCS1v15()).decode("ascii")
        except (binascii.Error, ValueError):  # ValueError: another key's, or no text
            return None


@cache
def of_this_process() -> Key:
    """One for all simulators of a process that were given no file: making one takes a moment."""
    return Key(_new())


def kept_in(path: Path) -> Key:
    """The key in the file, which is made if it is not there. Its certificate stands beside it, as ``.crt``.

    Raises ``KeyUnusable``.
    """
    try:
        if not path.exists():
            _write(path, _private(_new()))
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise KeyUnusable(f"The key in {path} is no RSA key.")
        key = Key(loaded)
        if not (shown := certificate_of(path)).exists() or shown.read_text(encoding="ascii") != key.certificate:
            _write(shown, key.certificate.encode())
    except (OSError, ValueError, TypeError) as error:  # TypeError: a key with a password
        raise KeyUnusable(f"The simulator's key {path} cannot be used: {error}.") from error
    return key


def certificate_of(path: Path) -> Path:
    """Where the certificate of a kept key stands."""
    return path.with_suffix(".crt")


def _new() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_BITS)


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, pem: bytes) -> None:
    """Whole or not at all, since others read it meanwhile; and for nobody else to read."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    new.replace(path)


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rufaa simulator")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode("ascii")
