"""``rufaa user``: a person with a role in a facility, and who a person is at an OpenID issuer."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import database
from rufaa.config import Config
from rufaa.errors import InvalidArgument
from rufaa.facilities.rights import Role

app = typer.Typer(help="People.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Sign-in name.")]
Issuer = Annotated[str, typer.Option(help="The issuer's address, as RUFAA_OIDC_ISSUERS names it.")]
Subject = Annotated[str, typer.Option(help="Who the person is there: the claim 'sub' of their tokens.")]


class UnknownIssuer(InvalidArgument):
    """``RUFAA_OIDC_ISSUERS`` names no such issuer, so none of its tokens would be taken."""

    code = "unknown-issuer"


@app.command("add")
def add(
    name: Name,
    facility: Annotated[str | None, typer.Option(help="A facility by name or id.")] = None,
    role: Annotated[Role | None, typer.Option(help="What the person is there.")] = None,
    full_name: Annotated[str, typer.Option(help="As other people write it.")] = "",
    operator: Annotated[bool, typer.Option(help="Runs the server; sees no patients.")] = False,
) -> None:
    """Add a person, or a role to a person. Prints the person's id; 'rufaa token' then lets them in."""
    if (facility is None) != (role is None):
        raise InvalidArgument("Give --facility and --role together.", argument="--facility")
    with database():
        from rufaa.db.atomic import Tx, unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.operations import add_member, add_user  # noqa: PLC0415
        from rufaa.facilities.queries import facility_named  # noqa: PLC0415

        def work(tx: Tx) -> str:
            person = add_user(tx, name, full_name=full_name, operator=operator)
            if facility is not None and role is not None:
                add_member(tx, person, facility_named(facility, argument="--facility"), role)
            return person.pk.hex

        print(unit(work))


@app.command("link")
def link(name: Name, issuer: Issuer, subject: Subject) -> None:
    """Let a person in who signs in at an OpenID issuer. Saying it again changes nothing."""
    with database() as config:
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.queries import actor_named  # noqa: PLC0415
        from rufaa.signin import links  # noqa: PLC0415

        _need_known(issuer, config)
        unit(lambda tx: links.link(tx, actor_named(tx, name).user, issuer=issuer, subject=subject))
    print(f"{subject} of {issuer} is {name}.")


@app.command("unlink")
def unlink(name: Name, issuer: Issuer, subject: Subject) -> None:
    """Take such a link away. From now on tokens of that sign-in are refused."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import links  # noqa: PLC0415

        unit(lambda tx: links.unlink(tx, name, issuer=issuer, subject=subject))
    print(f"{subject} of {issuer} is nobody here.")


@app.command("links")
def links_() -> None:
    """List who is linked to which sign-in: person, issuer, subject."""
    with database():
        from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import links  # noqa: PLC0415

        for each in look(links.listed):
            print(each.user, each.issuer, each.subject)


def _need_known(issuer: str, config: Config) -> None:
    known = [each.url for each in config.oidc_issuers]
    if issuer not in known:
        raise UnknownIssuer(
            f"RUFAA_OIDC_ISSUERS names no {issuer}. It names: {', '.join(known) or 'none'}.", argument="--issuer"
        )
