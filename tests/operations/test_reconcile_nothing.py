"""``rufaa reconcile`` where there is nothing yet."""

from __future__ import annotations

from rufaa.cli.reconciling import reconcile
from support import Running


def test_without_an_account_it_says_so(database: str, gateway: Running) -> None:
    for dry_run in (True, False):
        done = reconcile(gateway.config, dry_run=dry_run, wait_s=0)

        assert done.lines == ["There is no M-Pesa account, and nothing that could be asked about."]
        assert (done.tasks, done.left_open) == (0, 0)
