"""``rufaa price set``: what a referral costs, and where the money goes."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import database
from rufaa.errors import Kind, RufaaError
from rufaa.money import stk_amount

app = typer.Typer(help="Prices of referrals.", no_args_is_help=True)


class NoAccount(RufaaError):
    """No M-Pesa account is set up."""

    kind = Kind.CONFLICT
    code = "no-account"


@app.command("set")
def set_(
    facility: Annotated[str, typer.Argument(help="The facility that refers.")],
    shillings: Annotated[int, typer.Argument(help="Whole shillings.")],
    payee: Annotated[str, typer.Option(help="The facility whose money it is.")],
    to: Annotated[str | None, typer.Option(help="Only for referrals to this facility.")] = None,
    short_code: Annotated[str | None, typer.Option(help="The account, if there are several.")] = None,
) -> None:
    """Set what referrals of a facility cost from now on. Fees that were raised keep their amount."""
    amount = stk_amount(shillings)
    with database():
        from rufaa.db.atomic import Tx, unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.models import MpesaAccount  # noqa: PLC0415
        from rufaa.facilities.operations import set_price  # noqa: PLC0415
        from rufaa.facilities.queries import facility_named  # noqa: PLC0415

        def work(tx: Tx) -> None:
            accounts = MpesaAccount.objects.all()
            if short_code is not None:
                accounts = accounts.filter(short_code=short_code)
            found = list(accounts[:2])
            if len(found) != 1:
                raise NoAccount(
                    "There is no such M-Pesa account: set the MPESA_* settings and run 'rufaa migrate'."
                    if not found
                    else "There are several M-Pesa accounts: say which by --short-code."
                )
            set_price(
                tx,
                facility_named(facility, argument="facility"),
                amount=amount,
                payee=facility_named(payee, argument="--payee"),
                account=found[0],
                receiving=None if to is None else facility_named(to, argument="--to"),
            )

        unit(work)
    print(f"Referrals of {facility} cost {amount}.")
