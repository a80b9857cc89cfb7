"""Certificates made here and now, and whoever can open what is closed under them. Nothing in them is Safaricom's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

PASSWORD = "test#Initiator&%$1"  # an invented one


@dataclass(frozen=True)
class Safaricom:
    """The holder of a certificate: who can open a SecurityCredential."""

    certificate: str
    key: rsa.RSAPrivateKey

    def opens(self, credential: bytes) -> str:
        return self.key.decrypt(credential, PKCS1v15()).decode()


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example")])
    made_at = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(made_at)
        .not_valid_after(made_at + timedelta(days=1))  # long over, and no matter
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
