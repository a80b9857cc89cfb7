"""The level of a database's tables: which migrations this version has, and which were applied. Makes none."""

from __future__ import annotations

import pkgutil
from pathlib import Path

from django.apps import apps
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


def known() -> frozenset[tuple[str, str]]:
    """App and name of every migration of this version, by the names of their files: every process asks at its start,
    and to load them all takes a third of that."""
    return frozenset(
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(app.path) / "migrations")])
        if not module.ispkg and module.name[0] not in "_~"  # as Django has it
    )


def missing() -> frozenset[tuple[str, str]]:
    """Those of this version that the database has not had."""
    return known() - applied()


def applied() -> frozenset[tuple[str, str]]:
    """Those that the database has had, from other versions too."""
    return frozenset(MigrationRecorder(connection).applied_migrations())
