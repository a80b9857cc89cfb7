"""The public address: by Safaricom's rules, in DNS, with its certificate, and whether it really leads to this server.

It is tried from here, which is as far as one can tell from here: a request of our own that comes back through the name
proves the name, the certificate, the proxy and its path, not that Safaricom's own network reaches it.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from rufaa.cli.diagnosis.database import Tables
from rufaa.cli.diagnosis.finding import Finding, not_checked, ok, problem, warning
from rufaa.config import Callbacks, Config
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import Environment
from rufaa.daraja.settings import CALLBACK_ADDRESSES
from rufaa.ingest.address import callback_networks

_TIMEOUT_S: Final = 4.0
_NOTHING_HERE: Final = b'{"message":"There is nothing here."}'
_HAIRPIN: Final = (
    "If it answers from elsewhere (try with a phone), only this network does not lead its own address back."
)
_FEW_TOLD: Final = 3


class _Stay(urllib.request.HTTPRedirectHandler):
    """Safaricom is not known to follow redirects, so neither do we."""

    def redirect_request(self, *_: Any) -> None:
        return None


def checks(config: Config, *, environments: frozenset[str]) -> dict[str, Callable[[], list[Finding]]]:
    """What needs the network, by the code that stands for it where it does not end."""
    serious = _serious(config, environments)
    return {
        "public-dns": lambda: [dns(config.public_url, serious=serious)],
        "public-tls": lambda: [tls(config.public_url)],
        "public-health": lambda: [health(config.public_url, serious=serious)],
        "public-callback-path": lambda: [callback_path(config.public_url)],
        "public-body": lambda: [body_passes(config.public_url)],
    }


def _serious(config: Config, environments: frozenset[str]) -> bool:
    """Whether Safaricom itself has to reach us."""
    return config.callbacks is Callbacks.EXPECTED and bool(environments - {Environment.SIMULATOR})


def offline(config: Config, *, environments: frozenset[str], tables: Tables | None) -> list[Finding]:
    """What can be said without the network."""
    return [
        _rules(config, environments),
        _proxies(config, tables.sources if tables else ()),
        _addresses(config, environments),
        _arrive(config, tables),
    ]


def _rules(config: Config, environments: frozenset[str]) -> Finding:
    url = config.public_url
    if config.callbacks is Callbacks.NONE:
        return ok("public-url", "None is needed: MPESA_CALLBACKS=none, so results are found by queries alone.")
    path = f"{url}/h/{uuid.UUID(int=0).hex}-{'0' * 32}"
    wrong = {
        clause
        for environment in environments
        for clause in check_callback_url(path, environment=Environment(environment))
    }
    if wrong:
        return problem(
            "public-url",
            f"{url} cannot be used for callbacks: {'; '.join(sorted(wrong))}.",
            "Set RUFAA_PUBLIC_URL=https://… to the public name under which a proxy with a certificate leads here"
            " (docs/howto/go-live.md), or try the sandbox with MPESA_CALLBACKS=none.",
        )
    if not environments:
        later = check_callback_url(path, environment=Environment.PRODUCTION)
        if later:
            return warning(
                "public-url",
                f"{url} will not do for M-Pesa: {'; '.join(later)}.",
                "Set RUFAA_PUBLIC_URL=https://… before you set an M-Pesa account.",
            )
    return ok("public-url", f"{url} keeps Safaricom's rules for callback addresses.")


def _proxies(config: Config, sources: Sequence[str]) -> Finding:
    local = sum(1 for source in sources if _is_private(source))
    set_ = ", ".join(str(network) for network in config.trusted_proxies)
    if any(ipaddress.ip_address(address) in each for address in CALLBACK_ADDRESSES for each in config.trusted_proxies):
        return problem(
            "trusted-proxies",
            f"X-Forwarded-For is believed from {set_}, Safaricom's own addresses among them: callers can say that they"
            " are Safaricom.",
            "Set RUFAA_TRUSTED_PROXIES to the proxy's address alone, as this server sees it, often 127.0.0.1.",
        )
    if local and local == len(sources) and urlsplit(config.public_url).hostname not in {"127.0.0.1", "localhost"}:
        return problem(
            "trusted-proxies",
            f"The last {local} callbacks seem to come from {sources[0]}, which is a proxy's address, not Safaricom's.",
            f"Set RUFAA_TRUSTED_PROXIES={sources[0]}, and have the proxy send X-Forwarded-For.",
        )
    if set_:
        return ok("trusted-proxies", f"X-Forwarded-For is believed from {set_}.")
    if config.public_url.startswith("https://"):
        return warning(
            "trusted-proxies",
            "The public address is https, so a proxy stands in front, and RUFAA_TRUSTED_PROXIES names none:"
            " no callback will be known to come from Safaricom.",
            "Set RUFAA_TRUSTED_PROXIES to the proxy's address as this server sees it, often 127.0.0.1.",
        )
    return ok("trusted-proxies", "None is named, and the public address needs none.")


def _addresses(config: Config, environments: frozenset[str]) -> Finding:
    networks = callback_networks(config)
    if config.callbacks_from_safaricom_only:
        return ok(
            "callback-addresses",
            f"Callbacks are believed from Safaricom's {len(CALLBACK_ADDRESSES)} published addresses; from elsewhere"
            " only after a query.",
        )
    if networks is None or any(network.prefixlen == 0 for network in networks):
        told = "Callbacks are believed from every address that knows a prompt's secret path."
        if Environment.PRODUCTION in environments:
            return warning(
                "callback-addresses",
                told,
                "Take RUFAA_CALLBACK_ADDRESSES away where real money is collected: then Safaricom's list holds.",
            )
        return ok("callback-addresses", told)
    missing = [
        address
        for address in sorted(CALLBACK_ADDRESSES)
        if not any(ipaddress.ip_address(address) in network for network in networks)
    ]
    told = f"Callbacks are believed from the {len(networks)} networks of RUFAA_CALLBACK_ADDRESSES"
    if missing and environments - {Environment.SIMULATOR}:
        return warning(
            "callback-addresses",
            f"{told}, which leave out {len(missing)} of Safaricom's {len(CALLBACK_ADDRESSES)} published addresses.",
            "Take RUFAA_CALLBACK_ADDRESSES away, or add them (docs/howto/go-live.md).",
        )
    return ok("callback-addresses", f"{told}.")


def _arrive(config: Config, tables: Tables | None) -> Finding:
    if tables is None:
        return not_checked("callbacks-arrive", "It needs the database.")
    ended, told = tables.callbacks
    if config.callbacks is Callbacks.NONE:
        return ok("callbacks-arrive", "None are expected: MPESA_CALLBACKS=none.")
    what = f"Of the last {ended} prompts that ended, callbacks told about {told}."
    if ended >= _FEW_TOLD and told == 0:
        return problem(
            "callbacks-arrive",
            what,
            "Queries found the results. Look at RUFAA_PUBLIC_URL, the firewall, and the proxy's log for POST /h/….",
        )
    return ok("callbacks-arrive", what)


# --- with the network ------------------------------------------------------------------------------------------------


def dns(url: str, *, serious: bool) -> Finding:
    host = urlsplit(url).hostname or ""
    try:
        found = sorted({str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except OSError:
        return problem("public-dns", f"{host} is not found in DNS.", "Correct the name, or add its DNS record.")
    private = [address for address in found if _is_private(address)]
    told = f"{host} is {', '.join(found)}"
    if private and serious:
        return problem(
            "public-dns",
            f"{told}: not an address that Safaricom can reach.",
            "Point the name's DNS record to a public address. If only your own DNS answers so, check from outside.",
        )
    return ok("public-dns", f"{told}.")


def tls(url: str) -> Finding:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return ok("public-tls", "There is none: the address is http.")
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout=_TIMEOUT_S) as raw,
            ssl.create_default_context().wrap_socket(raw, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return problem(
            "public-tls", f"{host} has no valid certificate: {error.verify_message.rstrip('.')}.", _CERTIFICATE
        )
    except socket.gaierror:
        return not_checked("public-tls", f"{host} is not found in DNS.")
    except (OSError, ValueError) as error:
        return problem("public-tls", f"No TLS with {host}: {_said(error)}.", f"Look at the proxy. {_HAIRPIN}")
    days = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86_400
    return certificate_of(host, days=days)


_CERTIFICATE: Final = "Have the proxy get one (Caddy does by itself); without it Safaricom's callbacks do not arrive."


def certificate_of(host: str, *, days: float) -> Finding:
    told = f"The certificate of {host} is valid for {int(days)} more days."
    if days < 3:
        return problem("public-tls", told, "Renew it now.")
    return warning("public-tls", told, "Look why it is not renewed by itself.") if days < 14 else ok("public-tls", told)


def health(url: str, *, serious: bool) -> Finding:
    try:
        status, body = _request(f"{url}/healthz")
    except (OSError, HTTPException, ValueError) as error:
        told = f"{url} does not answer: {_said(error)}."
        if not serious:
            return warning("public-health", told, "Start the server (rufaa serve), and run rufaa doctor again.")
        do = f"Start the server and the proxy, and open the firewall. {_HAIRPIN}"
        return problem("public-health", told, do)
    try:
        said = json.loads(body)
        trouble = said["status"] if isinstance(said["status"], str) else "unknown"
    except (ValueError, KeyError, TypeError):
        return problem(
            "public-health",
            f"{url}/healthz is answered with HTTP {status}, and not by Rufaa.",
            f"Have the proxy lead all paths of this name to RUFAA_HOST:RUFAA_PORT. {_HAIRPIN}",
        )
    if status == 200:
        return ok("public-health", f"{url}/healthz leads to Rufaa, and it is well.")
    return problem("public-health", f"The server is reached and unwell: {trouble[:80]}.", "Look at its log.")


def callback_path(url: str) -> Finding:
    """A POST to a callback path with a wrong secret must come back as our own 404."""
    try:
        status, body = _request(f"{url}/h/{'0' * 32}-{uuid.uuid4().hex}", b'{"Body":{}}')
    except (OSError, HTTPException, ValueError):
        return not_checked("public-callback-path", f"{url} does not answer.")
    if (status, body) == (404, _NOTHING_HERE):
        return ok("public-callback-path", "A POST to /h/… comes to Rufaa, which refused the wrong secret.")
    more = " Safaricom is not known to follow redirects." if 300 <= status < 400 else ""
    return problem(
        "public-callback-path",
        f"A POST to {url}/h/… is answered with HTTP {status}, and not by Rufaa.{more}",
        "Have the proxy pass POST to /h/ as it is: no redirect, no log-in, no firewall's question.",
    )


def body_passes(url: str) -> Finding:
    """A call that names no function: the complaint about that proves that its body came through."""
    body = json.dumps({"args": {}, "doctor": "x" * 2000}).encode()
    try:
        _, answer = _request(f"{url}/api/query", body)
    except (OSError, HTTPException, ValueError):
        return not_checked("public-body", f"{url} does not answer.")
    if b"`path` must be there" in answer:
        return ok("public-body", "The body of a POST arrives.")
    return problem(
        "public-body",
        "The body of a POST does not arrive as it was sent.",
        "Have the proxy pass bodies of up to 64 KiB with their Content-Type.",
    )


def _request(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and the first 4 KiB of the answer. No proxy of the environment: Safaricom has none either."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "rufaa-doctor"})  # noqa: S310 - RUFAA_PUBLIC_URL is http or https
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            return response.status, response.read(4096)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(4096)


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)[:200].rstrip(".")


def _is_private(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False
