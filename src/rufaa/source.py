"""Where a request really comes from: the peer, or who stands behind the operator's own proxies. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from rufaa.config import Network


def source_of(peer: str, forwarded_for: str, *, trusted_proxies: Sequence[Network]) -> str:
    """The sender's address: the peer's, or what its proxies say as long as each is one that the operator named."""
    source = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if not within(source, trusted_proxies):
            break
        source = hop
    return source


def within(address: str, networks: Sequence[Network]) -> bool:
    """Whether ``address`` is in one of ``networks``; what is no address is in none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
