"""``GET /oauth/v1/generate``: access tokens, and the check of the one that a product call brings (daraja.md §2).

Tokens live in memory: a restarted simulator has forgotten them, and a client must renew.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from rufaa.simulator import answers
from rufaa.simulator.answers import Answer, Refused
from rufaa.simulator.chance import Chance
from rufaa.simulator.config import SimulatorSettings


@dataclass(frozen=True, slots=True)
class _Token:
    app: str  # the consumer key
    expires_at: datetime


class Tokens:
    def __init__(self, settings: SimulatorSettings, chance: Chance) -> None:
        self._settings = settings
        self._chance = chance
        self._secrets = {each.consumer_key: each.consumer_secret for each in settings.merchants}
        self._live: dict[str, _Token] = {}
        self._dead: set[str] = set()
        self.next_life_s: float | None = None  # how long the next token really lives, if not as it says

    def generate(self, *, authorization: str, grant_type: str | None, now: datetime) -> Answer:
        app = self._app(authorization)
        if app is None:
            raise Refused(400, "400.008.01", "Invalid Authentication passed")
        if grant_type != "client_credentials":
            raise Refused(400, "400.008.02", "Invalid grant type passed")
        if self._settings.new_token_kills_old:
            self.kill(app)
        self._bury([text for text, token in self._live.items() if token.expires_at <= now])
        text = self._chance.token()
        life_s = self._settings.token_life_s
        lives_s, self.next_life_s = life_s if self.next_life_s is None else self.next_life_s, None
        self._live[text] = _Token(app, now + timedelta(seconds=lives_s))
        return Answer(200, json.dumps({"access_token": text, "expires_in": str(life_s - 1)}))

    def kill(self, app: str) -> None:
        """The tokens of ``app`` are dead from now on."""
        self._bury([text for text, token in self._live.items() if token.app == app])

    def kill_bearer(self, authorization: str | None) -> None:
        """As if somebody else had asked for a token of the same app."""
        token = self._live.get((authorization or "").partition(" ")[2].strip())
        if token is not None:
            self.kill(token.app)

    def app(self, authorization: str | None, *, now: datetime) -> str:
        """The consumer key of the app whose token is in the Authorization header. Raises ``Refused``.

        Which of its several refusals Daraja gives for which bad token is not measured: a token that was good once gets
        404.001.03 here, one that never was 401.002.01, no bearer token at all 404.001.04.
        """
        scheme, _, text = (authorization or "").partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            raise answers.missing_authorization()
        token = self._live.get(text)
        if token is None:
            raise answers.stale_token() if text in self._dead else answers.unknown_token(text[:64])
        if token.expires_at <= now:
            self._bury([text])
            raise answers.stale_token()
        return token.app

    def _app(self, authorization: str) -> str | None:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            key, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        right = self._secrets.get(key)
        return key if right is not None and hmac.compare_digest(right.encode(), secret.encode()) else None

    def _bury(self, texts: list[str]) -> None:
        for text in texts:
            del self._live[text]
            self._dead.add(text)
