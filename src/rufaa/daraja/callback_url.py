"""The rules for the address that Safaricom posts a result to (daraja.md §13). Pure; nothing is resolved or called."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from rufaa.daraja.credentials import Environment

FORBIDDEN_WORDS: Final = ("m-pesa", "mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query")
TUNNELS: Final = ("ngrok", "mockbin", "requestbin")  # refused in production
_PRIVATE_ZONES: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".test", ".invalid", ".example")


def check_callback_url(url: str, *, environment: Environment) -> list[str]:
    """What Safaricom would refuse or could not reach, one clause each; empty if the address is good.

    The simulator is on the same machine: for it, private hosts and plain http are fine and all other rules hold.
    """
    if not url or any(not "!" <= character <= "~" for character in url):
        return ["it is empty or has spaces, control or non-ASCII characters"]
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ["it is not a URL"]
    if parts.scheme not in {"http", "https"} or not host:
        return ["it is not an http or https URL with a host"]
    found: list[str] = []
    if environment is Environment.PRODUCTION and parts.scheme != "https":
        found.append("production needs https")
    if parts.username is not None or parts.fragment:
        found.append("it has a user or a fragment")
    if host not in parts.netloc:  # urlsplit lower-cases the host; an upper-case one was refused once
        found.append("its host has upper-case letters")
    if environment is not Environment.SIMULATOR and not _is_public(host):
        found.append("its host is not public")
    lowered = url.lower()
    found.extend(f"it contains {word!r}, which Safaricom forbids" for word in FORBIDDEN_WORDS if word in lowered)
    if environment is Environment.PRODUCTION:
        found.extend(f"it uses {tunnel}, which Safaricom refuses" for tunnel in TUNNELS if tunnel in lowered)
    return found


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    name = "." + host.rstrip(".")
    last_label = name.rpartition(".")[2]
    # One label is a machine name; a last label of digits is an address in a disguise (decimal, octal, short forms).
    return name.count(".") > 1 and not last_label[:1].isdigit() and not name.endswith(_PRIVATE_ZONES)
