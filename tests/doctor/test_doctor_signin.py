"""What the doctor says of API keys, and of OpenID issuers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from rufaa import clock
from rufaa.cli.diagnosis import signin
from rufaa.cli.diagnosis.finding import Finding, State
from rufaa.config import OpenIdIssuer
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.signin import api_keys, links
from signin.stub_issuer import DISCOVERY, running_issuer
from support import World, execute

ISSUER = "https://id.example"


def made(user: Actor) -> str:
    return unit(lambda tx: api_keys.add(tx, user.user, name="front end", expires_at=None))


def one(found: list[Finding]) -> Finding:
    (only,) = found
    return only


def test_keys_that_nobody_uses_are_named_and_no_key_is(world: World) -> None:
    assert one(signin.api_keys()).found.startswith("None in force")
    used, unused, revoked, new = (made(world.admin) for _ in range(4))
    long_ago = clock.now() - timedelta(days=91)
    with_guards_off = "SET LOCAL session_replication_role = replica"
    unit(
        lambda tx: (
            tx.execute(with_guards_off),
            tx.execute(
                "UPDATE api_key SET created_at = %(then)s WHERE prefix <> %(new)s", {"then": long_ago, "new": new[:11]}
            ),
        )
    )
    execute("UPDATE api_key SET last_used_at = rufaa_now() WHERE prefix = %(prefix)s", prefix=used[:11])
    unit(lambda tx: api_keys.revoke(tx, revoked))

    told = one(signin.api_keys())

    assert told.state is State.WARNING
    assert told.found == f"In force, and not used for 90 days: {unused[:11]}."

    unit(lambda tx: api_keys.revoke(tx, unused))
    assert one(signin.api_keys()).found.startswith("2 in force")


def test_links_to_an_issuer_that_is_not_named(world: World) -> None:
    unit(lambda tx: links.link(tx, world.admin.user, issuer=ISSUER, subject="1"))

    assert one(signin.links((OpenIdIssuer(ISSUER, ("web",)),))).state is State.OK
    told = one(signin.links((OpenIdIssuer(f"{ISSUER}/", ("web",)),)))
    assert (told.state, ISSUER in told.found) == (State.WARNING, True)


def test_an_issuer_is_asked_as_the_gateway_asks_it() -> None:
    with running_issuer() as stub:
        given = OpenIdIssuer(stub.url, ("web",), loopback=True)
        assert one(signin.issuer(given)).state is State.OK

        stub.answers[DISCOVERY] = {"issuer": f"{stub.url}/", "jwks_uri": f"{stub.url}/keys"}
        told = one(signin.issuer(given))
        assert told.state is State.PROBLEM
        assert f"its discovery is of another issuer: '{stub.url}/'" in told.found


def test_the_whole_command_tells_all_three(world: World, database: str, run: Any) -> None:
    with running_issuer() as stub:
        settings = {"DATABASE_URL": database, "RUFAA_MODE": "development", "RUFAA_OIDC_ISSUERS": f"{stub.url} web"}
        told = json.loads(run("doctor", "--json", **settings).stdout)

    seen = {each["code"]: each["state"] for each in told["findings"]}
    assert {code: seen[code] for code in ("api-keys", "openid-links", "openid-issuers")} == {
        "api-keys": "ok", "openid-links": "ok", "openid-issuers": "ok",
    }  # fmt: skip
