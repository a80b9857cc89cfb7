"""The callback address of a prompt, and where a request really comes from. Pure.

The path is ``/h/<id>-<secret>``: Safaricom keeps it as it is and puts nothing of ours in the body (daraja.md §4), so
the path says which prompt is meant, and the secret that Safaricom was told by us. Hex digits spell no word that
Safaricom forbids in URLs (daraja.md §13).
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from rufaa import secret
from rufaa.config import Callbacks, Config, Network
from rufaa.daraja.settings import CALLBACK_ADDRESSES

PREFIX: Final = "/h/"
NOWHERE: Final = "http://no-callbacks.example.com/"
"""The callback address of prompts whose results are only asked for (``MPESA_CALLBACKS=none``). It keeps Safaricom's
rules for the sandbox, holds no secret, and its name is reserved for examples and leads nowhere. It is http, so that
the client refuses to send it to production (daraja.md §13)."""
_PATH: Final = re.compile(r"/h/([0-9a-f]{32})-([0-9a-f]{32})", re.ASCII)
_LABEL: Final = "callback"


def callback_url(public_url: str, prompt: uuid.UUID, *, keys: Sequence[str]) -> str:
    return f"{public_url}{PREFIX}{prompt.hex}-{secret.signature(keys, _LABEL, prompt.hex)}"


def callback_urls(config: Config) -> Callable[[uuid.UUID], str]:
    """The callback address of each prompt, as the operator's settings want it."""
    if config.callbacks is Callbacks.NONE:
        return lambda _prompt: NOWHERE
    return partial(callback_url, config.public_url, keys=config.secret_keys)


def prompt_at(path: str, *, keys: Sequence[str]) -> uuid.UUID | None:
    """The prompt that ``path`` speaks for; None where it is no callback path or its secret is not ours."""
    match = _PATH.fullmatch(path)
    if match is None or not secret.is_signature(keys, _LABEL, match[1], match[2]):
        return None
    return uuid.UUID(hex=match[1])


def source_of(peer: str, forwarded_for: str, *, trusted_proxies: Sequence[Network]) -> str:
    """The sender's address: the peer's, or what its proxies say as long as each is one that the operator named."""
    source = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if not _within(source, trusted_proxies):
            break
        source = hop
    return source


def callback_networks(config: Config) -> Sequence[Network] | None:
    """From where callbacks are believed: what the operator says, else Safaricom's published list in production."""
    if config.callbacks_from_safaricom_only:
        return [ipaddress.ip_network(address) for address in CALLBACK_ADDRESSES]
    return config.callback_networks


def may_speak_for_safaricom(source: str, networks: Sequence[Network] | None) -> bool:
    """Whether ``source`` is on the operator's list; every address is where there is no list."""
    return networks is None or _within(source, networks)


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
