"""All commands under their names."""

from __future__ import annotations

import typer

from rufaa.cli import (
    account,
    audit,
    backup,
    demo,
    doctor,
    explain,
    facility,
    functions,
    gateway,
    import_convex,
    key,
    migrate,
    price,
    reconcile,
    replay,
    restore,
    restored,
    serve,
    simulator,
    token,
    user,
    worker,
)

app = typer.Typer(
    help="Patient referrals whose fee is collected by M-Pesa, without losing a shilling.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.command)
app.command("serve")(serve.command)
app.command("gateway")(gateway.command)
app.command("worker")(worker.command)
app.command("migrate")(migrate.command)
app.command("backup")(backup.command)
app.command("restore")(restore.command)
app.command("restored")(restored.command)
app.command("simulator")(simulator.command)
app.command("token")(token.command)
app.command("explain")(explain.command)
app.command("replay")(replay.command)
app.command("reconcile")(reconcile.command)
app.command("functions")(functions.command)
app.command("import-convex")(import_convex.command)
app.command("doctor")(doctor.command)
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
app.add_typer(facility.app, name="facility")
app.add_typer(price.app, name="price")
app.add_typer(account.app, name="account")
app.add_typer(audit.app, name="audit")
