"""How callers prove who they are: API keys that nobody uses, and OpenID issuers that do not answer as they should."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from rufaa import clock
from rufaa.cli.diagnosis.finding import Finding, ok, problem, warning
from rufaa.config import OpenIdIssuer

_UNUSED_DAYS: Final = 90


def api_keys() -> list[Finding]:
    """Needs Django set up."""
    from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
    from rufaa.signin.api_keys import listed  # noqa: PLC0415

    here = [each for each in look(listed) if each.in_force]
    long_ago: datetime = clock.now() - timedelta(days=_UNUSED_DAYS)
    unused = [each.prefix for each in here if (each.last_used_at or each.created_at) < long_ago]
    if unused:
        return [
            warning(
                "api-keys",
                f"In force, and not used for {_UNUSED_DAYS} days: {', '.join(unused)}.",
                "Run: rufaa key revoke PREFIX, for each that nobody needs ('rufaa key list' tells whose they are).",
            )
        ]
    return [ok("api-keys", f"{len(here) or 'None'} in force, each used within {_UNUSED_DAYS} days or newer.")]


def links(issuers: tuple[OpenIdIssuer, ...]) -> list[Finding]:
    """Whether somebody is linked to an issuer that the settings do not name. Needs Django set up."""
    from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
    from rufaa.signin.links import listed  # noqa: PLC0415

    named = {each.url for each in issuers}
    stray = sorted({each.issuer for each in look(listed)} - named)
    if stray:
        return [
            warning(
                "openid-links",
                f"People are linked to issuers that RUFAA_OIDC_ISSUERS does not name: {', '.join(stray)}.",
                "Name them there, exactly so and with their audiences, or take the links away: rufaa user unlink.",
            )
        ]
    return [ok("openid-links", "Nobody is linked to an issuer that RUFAA_OIDC_ISSUERS does not name.")]


def issuer(given: OpenIdIssuer) -> list[Finding]:
    """Ask for its keys, as the gateway does."""
    from rufaa.signin.issuers import Unusable, keys_of, session  # noqa: PLC0415 - most servers have none

    async def ask() -> int:
        async with session() as client:
            return len({name for name, _, _ in (await keys_of(given, client)).keys})

    try:
        number = asyncio.run(ask())
    except Unusable as error:
        return [
            problem(
                "openid-issuers",
                f"{given.url} gives no keys, so its people cannot sign in: {error}.",
                "Compare RUFAA_OIDC_ISSUERS with 'issuer' in its /.well-known/openid-configuration, and see that this"
                " machine reaches it.",
            )
        ]
    return [ok("openid-issuers", f"{given.url} publishes its keys ({number}).")]
