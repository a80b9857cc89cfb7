"""``rufaa user link``, ``links`` and ``unlink`` as an operator runs them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from support import World, execute, rows

ISSUER: Final = "https://id.example/realms/clinic"


@pytest.fixture
def rufaa(run: Any, database: str) -> Any:
    named = f"{ISSUER} rufaa-web"
    return lambda *arguments: run("user", *arguments, DATABASE_URL=database, RUFAA_OIDC_ISSUERS=named)


def test_linked_listed_and_unlinked(world: World, rufaa: Any) -> None:
    who = ("--issuer", ISSUER, "--subject", "auth|6f1c")

    linked = rufaa("link", "admin", *who)
    assert (linked.returncode, linked.stdout) == (0, f"auth|6f1c of {ISSUER} is admin.\n")
    assert rufaa("link", "admin", *who).returncode == 0
    assert rufaa("links").stdout == f"admin {ISSUER} auth|6f1c\n"
    refused = rufaa("link", "physician", *who)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "rufaa: This subject is linked to admin. Unlink it first.\n"

    execute("UPDATE rufaa_user SET is_active = false WHERE username = 'admin'")
    assert rufaa("unlink", "admin", *who).stdout == f"auth|6f1c of {ISSUER} is nobody here.\n"
    assert rufaa("links").stdout == ""
    assert "There is no such link." in rufaa("unlink", "admin", *who).stderr


def test_what_could_never_let_anybody_in_is_refused(world: World, rufaa: Any) -> None:
    for issuer in (f"{ISSUER}/", "https://other.example"):
        refused = rufaa("link", "admin", "--issuer", issuer, "--subject", "x")
        assert refused.stderr == f"rufaa: RUFAA_OIDC_ISSUERS names no {issuer}. It names: {ISSUER}.\n"
    assert "There is nobody of this name" in rufaa("link", "nobody", "--issuer", ISSUER, "--subject", "x").stderr
    assert rows("SELECT * FROM openid_link") == []
