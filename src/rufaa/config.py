"""What an operator can set, read once from the environment and ``.env``, typed and checked.

Nothing else in Rufaa reads the environment. ``docs/reference/settings.md`` is generated from ``SETTINGS``.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values

from rufaa import carriers
from rufaa.carriers import LOOPBACK, Email, Sms
from rufaa.errors import InvalidSetting

SECRET_FILE: Final = "secret.key"  # noqa: S105 - a file name
ENV_FILE: Final = ".env"  # in the working directory
MB: Final = 1024 * 1024

SETTINGS: Final[Mapping[str, str]] = {
    "DATABASE_URL": "Any PostgreSQL 15 or newer, as a postgresql:// address. Default: an own one, kept in RUFAA_DATA",
    "RUFAA_DATA": "The folder for everything that Rufaa keeps. Default: ./rufaa-data",
    "RUFAA_MODE": "demo, production or development. Default: production",
    "RUFAA_HOST": "The address to listen on. Default: 127.0.0.1 (put a proxy with TLS in front)",
    "RUFAA_PORT": "The port to listen on. Default: 8000",
    "RUFAA_PUBLIC_URL": "The address under which Safaricom and people reach this server. Default: http://host:port",
    "RUFAA_SECRET_KEYS": "Secrets of at least 32 characters, comma-separated: the first makes, all are accepted."
    " Default: made at the first start and kept in RUFAA_DATA/secret.key",
    "RUFAA_TOKEN_LIFE_S": "Seconds for which a token that was issued for an API key is good, 60 to 3600. Default: 600",
    "RUFAA_OIDC_ISSUERS": "OpenID issuers whose tokens are taken, comma-separated: each its https address, exactly as"
    " its tokens name it, and after blanks the audiences that mean this server. Default: none",
    "RUFAA_TRUSTED_PROXIES": "Addresses or networks of proxies whose X-Forwarded-For is believed, comma-separated."
    " Default: none",
    "RUFAA_CALLBACK_ADDRESSES": "Addresses or networks that callbacks may come from; from elsewhere a report is"
    " believed only after a query. 'any': no check. Default: Safaricom's published list in production, else any",
    "RUFAA_POOL_SIZE": "Database connections a process may open. Default: 12",
    "RUFAA_METRICS_TOKEN": "Who presents it may read /metrics on the public port: at least 16 characters."
    " Default: none, and nobody may",
    "RUFAA_WORKER_METRICS_PORT": "Where a worker shows /healthz, /readyz and /metrics, on 127.0.0.1. Default: nowhere",
    "RUFAA_DRAIN_S": "Seconds for which a gateway that was told to stop still takes requests, while /readyz says 503,"
    " so that a proxy can turn away. Default: 1",
    "RUFAA_EMAIL_URL": "The mail server that sends invitations and links to a new password: smtp://name:password@host:587"
    " (STARTTLS; to this machine in the clear) or smtps://…:465. Default: none, and such links are printed by commands",
    "RUFAA_EMAIL_FROM": "The sender of those e-mails, which RUFAA_EMAIL_URL needs. Default: none",
    "RUFAA_SMS_URL": "What sends SMS: africastalking://name:key@api.africastalking.com (its sandbox:"
    " api.sandbox.africastalking.com), or handset://127.0.0.1:8001, the simulator's virtual handset. Default: none, and"
    " nobody is sent any",
    "RUFAA_SMS_FROM": "The sender of those SMS as registered with the operators: a short code, or up to 11 letters."
    " Default: the gateway's own",
    "RUFAA_ATTACHMENT_MB": "The largest file that may be attached to a referral, in MB, 1 to 25. Default: 10",
    "RUFAA_ATTACHMENTS": "Files that may be attached to one referral, 1 to 200, removed ones among them: they are kept."
    " Default: 20",
    "RUFAA_LOG": "json or plain. Default: plain on a terminal, else json",
    "RUFAA_DIE_AT": "For tests, and refused in production: the failpoint at which the process dies by SIGKILL."
    " Default: none",
    "MPESA_ENVIRONMENT": "sandbox, production or simulator",
    "MPESA_CONSUMER_KEY": "Daraja app's consumer key",
    "MPESA_CONSUMER_SECRET": "Daraja app's consumer secret",
    "MPESA_SHORTCODE": "The paybill, or for a till its head-office number. Also: MPESA_EXPRESS_SHORTCODE",
    "MPESA_SHORTCODE_TYPE": "paybill or till_number. Default: paybill",
    "MPESA_TILL_NUMBER": "The till that is paid, with till_number",
    "MPESA_PASSKEY": "The Lipa na M-Pesa passkey. Also: MPESA_PASS_KEY",
    "MPESA_BASE_URL": "The simulator's address, with MPESA_ENVIRONMENT=simulator",
    "MPESA_CALLBACKS": "expected or none. none: prompts carry no callback address of ours, and results are found by"
    " status queries alone; for trying, with MPESA_ENVIRONMENT=sandbox or simulator. Default: expected",
    "MPESA_PUSHES_PER_S": "Prompts a second that the account may send. Default: 5",
    "MPESA_QUERIES_PER_MIN": "Status queries a minute that the account may send. Default: 5, measured in the sandbox",
    "MPESA_INITIATOR_NAME": "The API operator who may ask for statuses, reversals and B2C payments. Default: none",
    "MPESA_INITIATOR_PASSWORD": "That operator's password; Safaricom lets it expire after 90 days",
    "MPESA_CERTIFICATE": "A file: Safaricom's certificate for the environment as PEM, which hides that password",
    "MPESA_C2B_VERSION": "v2 or v1: which C2B product the Daraja app has. Default: v2",
    "MPESA_PULL": "post or get: how missed payments are pulled. Default: post",
    "MPESA_NOMINATED_NUMBER": "The phone that the organisation registered with M-Pesa, to register for pulling",
}


class Mode(StrEnum):
    DEMO = "demo"
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Callbacks(StrEnum):
    """Whether Safaricom is told where to post results."""

    EXPECTED = "expected"
    NONE = "none"  # results are found by status queries alone: a trial without a public address


class LogForm(StrEnum):
    """How logs are written."""

    AUTO = "auto"  # plain on a terminal, else json
    JSON = "json"
    PLAIN = "plain"


Choice = TypeVar("Choice", bound=StrEnum)


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class OpenIdIssuer:
    """Who may say who somebody is. ``url`` is exactly what its tokens have as ``iss``.

    ``loopback``: http on this machine is taken, for development.
    """

    url: str
    audiences: tuple[str, ...]
    loopback: bool = False

    def may_ask(self, address: str) -> bool:
        """Whether keys may be fetched from there: by https, or in development from this machine."""
        try:
            parts = urlsplit(address)
            secure = parts.scheme == "https" or (
                self.loopback and parts.scheme == "http" and parts.hostname in LOOPBACK
            )
            return secure and bool(parts.hostname) and parts.username is None and parts.port != 0
        except ValueError:  # a port that is no number, a bracket that is not closed
            return False


@dataclass(frozen=True, slots=True)
class Config:
    """The operator's settings."""

    mode: Mode
    data: Path
    database_url: str | None
    host: str
    port: int
    public_url: str
    given_secret_keys: str | None
    token_life_s: int
    oidc_issuers: tuple[OpenIdIssuer, ...]
    trusted_proxies: tuple[Network, ...]
    callback_networks: tuple[Network, ...] | None  # None: not given, or "any"
    callbacks_from_safaricom_only: bool  # nothing is given, and real money is at stake
    callbacks: Callbacks
    pool_size: int
    metrics_token: str | None
    worker_metrics_port: int | None
    drain_s: float
    email: Email | None
    sms: Sms | None
    attachment_bytes: int
    attachments: int
    log: LogForm
    die_at: str | None
    pushes_per_s: float
    queries_per_min: float
    environ: Mapping[str, str]

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The first makes signatures and seals; every one checks and opens. Made at the first use, if none is given."""
        return _secret_keys(self.given_secret_keys, self.data)

    @property
    def demo(self) -> bool:
        return self.mode is Mode.DEMO


@cache
def config() -> Config:
    """This process's settings: the environment over ``.env`` in the working directory."""
    return load(environment())


def environment() -> dict[str, str]:
    """Everything that is set, good or bad: the environment over ``.env`` in the working directory."""
    from_file = {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    return {**from_file, **os.environ}


def load(environ: Mapping[str, str]) -> Config:
    """Settings from ``environ``. Raises ``InvalidSetting`` with the name and what is allowed. Touches no file."""
    _check_secret_keys(environ.get("RUFAA_SECRET_KEYS"))
    mode = _choice(environ, "RUFAA_MODE", Mode, Mode.PRODUCTION)
    mpesa = (environ.get("MPESA_ENVIRONMENT") or "").strip().lower()
    data = Path(environ.get("RUFAA_DATA") or "rufaa-data").expanduser().absolute()
    host = environ.get("RUFAA_HOST") or "127.0.0.1"
    port = _whole(environ, "RUFAA_PORT", 8000, low=1, high=65535)
    if mode is Mode.DEMO and (mpesa not in {"", "simulator"} or host not in LOOPBACK):
        raise InvalidSetting(
            "RUFAA_MODE=demo lets anybody be anybody: it runs with MPESA_ENVIRONMENT=simulator and on 127.0.0.1 only."
        )
    public_url = _public_url(environ.get("RUFAA_PUBLIC_URL") or local_url(host, port))
    callbacks = _choice(environ, "MPESA_CALLBACKS", Callbacks, Callbacks.EXPECTED)
    if callbacks is Callbacks.NONE and mpesa not in {"sandbox", "simulator"}:
        raise InvalidSetting(
            "MPESA_CALLBACKS=none is for trying: it runs with MPESA_ENVIRONMENT=sandbox or simulator only."
        )
    return Config(
        mode=mode,
        data=data,
        database_url=_database_url(environ.get("DATABASE_URL")),
        host=host,
        port=port,
        public_url=public_url,
        given_secret_keys=environ.get("RUFAA_SECRET_KEYS"),
        token_life_s=_whole(environ, "RUFAA_TOKEN_LIFE_S", 600, low=60, high=3600),
        oidc_issuers=_oidc_issuers(environ.get("RUFAA_OIDC_ISSUERS"), mode=mode, ours=public_url),
        trusted_proxies=_networks(environ, "RUFAA_TRUSTED_PROXIES") or (),
        callback_networks=_callback_networks(environ),
        # A node may have no MPESA_* of its own, since the account is in the database: then real money is assumed.
        callbacks_from_safaricom_only=not environ.get("RUFAA_CALLBACK_ADDRESSES")
        and (mpesa == "production" or (mode is Mode.PRODUCTION and not mpesa)),
        callbacks=callbacks,
        pool_size=_whole(environ, "RUFAA_POOL_SIZE", 12, low=4, high=200),
        metrics_token=_metrics_token(environ.get("RUFAA_METRICS_TOKEN")),
        worker_metrics_port=_whole(environ, "RUFAA_WORKER_METRICS_PORT", 0, low=1, high=65535) or None,
        drain_s=_number(environ, "RUFAA_DRAIN_S", 1, low=0, high=60),
        email=carriers.mail_server(environ.get("RUFAA_EMAIL_URL"), sender=environ.get("RUFAA_EMAIL_FROM") or ""),
        sms=carriers.sms_gateway(environ.get("RUFAA_SMS_URL"), sender=environ.get("RUFAA_SMS_FROM") or ""),
        attachment_bytes=_whole(environ, "RUFAA_ATTACHMENT_MB", 10, low=1, high=25) * MB,
        attachments=_whole(environ, "RUFAA_ATTACHMENTS", 20, low=1, high=200),
        log=_choice(environ, "RUFAA_LOG", LogForm, LogForm.AUTO),
        die_at=_die_at(environ.get("RUFAA_DIE_AT"), mode=mode),
        pushes_per_s=_number(environ, "MPESA_PUSHES_PER_S", 5, low=0.01, high=1000),
        queries_per_min=_number(environ, "MPESA_QUERIES_PER_MIN", 5, low=0.1, high=60000),
        environ=environ,
    )


def local_url(host: str, port: int) -> str:
    """``http://127.0.0.1:8000``; an IPv6 address gets its brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _choice(environ: Mapping[str, str], name: str, kind: type[Choice], default: Choice) -> Choice:
    text = environ.get(name)
    if not text:
        return default
    try:
        return kind(text.lower())
    except ValueError:
        raise InvalidSetting(f"{name}={text!r}: use one of {', '.join(kind)}.") from None


def _number(environ: Mapping[str, str], name: str, default: float, *, low: float, high: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InvalidSetting(f"{name}={text!r}: use a number from {low:g} to {high:g}.")
    return value


def _whole(environ: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    value = _number(environ, name, default, low=low, high=high)
    if value % 1:
        raise InvalidSetting(f"{name}={environ[name]!r}: use a whole number from {low} to {high}.")
    return int(value)


def _die_at(text: str | None, *, mode: Mode) -> str | None:
    if text and mode is Mode.PRODUCTION:
        raise InvalidSetting("RUFAA_DIE_AT kills the server on purpose: it is refused with RUFAA_MODE=production.")
    return text or None


def _metrics_token(text: str | None) -> str | None:
    if text and (len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text):
        raise InvalidSetting("RUFAA_METRICS_TOKEN: use at least 16 characters, of letters, digits and signs.")
    return text or None


def _database_url(text: str | None) -> str | None:
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise InvalidSetting("DATABASE_URL: use a postgresql:// address.")  # not shown: it may hold a password
    return text or None


def _public_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        named = parts.username is not None
    except ValueError:  # a port that is no number, a bracket that is not closed
        good = named = False
    if named:  # not shown: there may be a password
        raise InvalidSetting("RUFAA_PUBLIC_URL: use an address without a user's name and password.")
    if not good or parts.query or parts.fragment:
        raise InvalidSetting(f"RUFAA_PUBLIC_URL={text!r}: use an http:// or https:// address without query.")
    return text.rstrip("/")


def _oidc_issuers(text: str | None, *, mode: Mode, ours: str) -> tuple[OpenIdIssuer, ...]:
    found: dict[str, OpenIdIssuer] = {}
    for entry in (text or "").split(","):
        url, *audiences = entry.split() or [""]
        if not url:
            continue
        issuer = OpenIdIssuer(url, tuple(audiences), loopback=mode is not Mode.PRODUCTION)
        if not issuer.may_ask(url) or "?" in url or "#" in url:
            shown = "an entry" if "@" in url else repr(url)  # there may be a password
            raise InvalidSetting(
                f"RUFAA_OIDC_ISSUERS: {shown} is no https address, without a user's name and query. In development http"
                " on 127.0.0.1 will do."
            )
        if not audiences:
            raise InvalidSetting(
                f"RUFAA_OIDC_ISSUERS: {url} needs an audience behind it, else a token for any program would count here."
            )
        if url in found or url == ours:
            raise InvalidSetting(f"RUFAA_OIDC_ISSUERS: {url} is named twice, or is this server itself.")
        found[url] = issuer
    return tuple(found.values())


def _networks(environ: Mapping[str, str], name: str) -> tuple[Network, ...] | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise InvalidSetting(f"{name}: {error}. Use addresses or networks, comma-separated.") from None


def _callback_networks(environ: Mapping[str, str]) -> tuple[Network, ...] | None:
    text = (environ.get("RUFAA_CALLBACK_ADDRESSES") or "").strip().lower()
    return None if text == "any" else _networks(environ, "RUFAA_CALLBACK_ADDRESSES")


def _check_secret_keys(text: str | None) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in (text or "").split(",")) if text else ()
    if any(len(key) < 32 for key in keys):
        raise InvalidSetting("RUFAA_SECRET_KEYS: each key needs at least 32 characters.")
    return keys


@cache
def _secret_keys(text: str | None, data: Path) -> tuple[str, ...]:
    """The given keys, or the one in the data folder, made if there is none yet (mode 0600, never overwritten)."""
    if text:
        return _check_secret_keys(text)
    path = data / SECRET_FILE
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{SECRET_FILE}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where another process was first: then its key is the key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text().strip()
    if len(key) < 32:
        raise InvalidSetting(f"{path} is damaged: restore it from a backup; without it stored keys cannot be read.")
    return (key,)
