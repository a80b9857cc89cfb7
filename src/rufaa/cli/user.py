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
    email: Annotated[str, typer.Option(help="Where invitations and links to a new password go.")] = "",
    operator: Annotated[bool, typer.Option(help="Runs the server; sees no patients.")] = False,
    invite: Annotated[bool, typer.Option("--invite", help="Let them choose a password, too.")] = False,
) -> None:
    """Add a person, or a role to a person. Prints the person's id; --invite or 'rufaa token' then lets them in."""
    if (facility is None) != (role is None):
        raise InvalidArgument("Give --facility and --role together.", argument="--facility")
    with database():
        from rufaa.db.atomic import Tx, unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.operations import add_member, add_user  # noqa: PLC0415
        from rufaa.facilities.queries import facility_named  # noqa: PLC0415

        def work(tx: Tx) -> str:
            person = add_user(tx, name, full_name=full_name, email=email, operator=operator)
            if facility is not None and role is not None:
                add_member(tx, person, facility_named(facility, argument="--facility"), role)
            return person.pk.hex

        print(unit(work))
        if invite:
            _invite(name)


@app.command("invite")
def invite_(name: Name) -> None:
    """Let a person choose a password, the first one or another: by a link that is good once, for seven days.

    It goes to their e-mail address where they have one and RUFAA_EMAIL_URL is set; otherwise it is printed.
    """
    with database():
        _invite(name)


@app.command("switch-off")
def switch_off(name: Name) -> None:
    """Keep a person out from now on: their sessions end, and their tokens, API keys and links count no more."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import people  # noqa: PLC0415

        ended = unit(lambda tx: people.switch_off(tx, people.named(name)))
        print(f"{name} may no longer sign in. Sessions that ended: {ended}.")


@app.command("switch-on")
def switch_on(name: Name) -> None:
    """Let a person in again who was switched off, by the same password, keys and roles."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import people  # noqa: PLC0415

        unit(lambda tx: people.switch_on(tx, people.named(name)))
        print(f"{name} may sign in.")


@app.command("forget-factors")
def forget_factors(name: Name) -> None:
    """Take a person's app, passkeys and recovery codes away, for who lost them: then the password alone lets them in.

    Whether it is that person who asks is for you to know.
    """
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import people, second_factor  # noqa: PLC0415

        gone = unit(lambda tx: second_factor.forget(tx, people.named(name).pk))
        print(f"{name} has no second factor any more. Taken away: {gone}.")


def _invite(name: str) -> None:
    from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
    from rufaa.signin import people  # noqa: PLC0415

    address, send = look(lambda tx: people.invitation(tx, people.named(name)))
    if send is None:
        print(address)
    else:
        send()
        print(f"An invitation is on its way to {name}.")


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
