"""What no finding may show, whatever somebody else's error message repeats: secrets and phone numbers.

The second line of defence: no check puts any of them into a finding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from rufaa.daraja.credentials import Credentials

_PHONE: Final = re.compile(r"(?<!\d)(\+?254[17]|0[17])\d{5}(\d{3})(?!\d)")
_SHORTEST: Final = 6  # shorter is no secret, and hiding it would spoil the sentence
SECRET_SETTINGS: Final = (
    *("MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET", "MPESA_PASSKEY", "MPESA_PASS_KEY", "MPESA_INITIATOR_PASSWORD"),
    "RUFAA_METRICS_TOKEN",
)


class Hidden:
    """Collects secrets, and blots them out of texts."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, *secrets: str) -> None:
        self._secrets |= {each for each in secrets if len(each) >= _SHORTEST}

    def settings(self, environ: Mapping[str, str]) -> None:
        self.add(*(environ.get(name, "").strip() for name in SECRET_SETTINGS))
        self.add(*(key.strip() for key in environ.get("RUFAA_SECRET_KEYS", "").split(",")))
        for name in ("DATABASE_URL", "RUFAA_PUBLIC_URL"):
            try:
                password = urlsplit(environ.get(name, "")).password or ""
            except ValueError:
                continue
            self.add(password, unquote(password))

    def account(self, account: Credentials) -> None:
        self.add(account.consumer_key, account.consumer_secret, account.passkey, account.initiator_password or "")

    def out_of(self, text: str) -> str:
        for each in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(each, "[secret]")
        return _PHONE.sub(r"\1…\2", text)
