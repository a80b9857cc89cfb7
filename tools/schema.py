"""``make schema``: write ``src/rufaa/db/fresh.sql`` anew, from a database that the migrations have made.

For whoever has added a migration. Until it is run again, that one is made after the script, which takes longer.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_HEAD: Final = """\
-- The tables, functions and guards of an empty database, as the migrations make them.
-- Written by `make schema`: change a migration, never this.

SET LOCAL search_path = '';
SET LOCAL check_function_bodies = false;
SET LOCAL client_min_messages = warning;
"""
_OF_THE_SESSION: Final = re.compile(
    r"^(?:SET \w+ = .*|SELECT pg_catalog\.set_config\('search_path'.*|\\\w+.*)$", re.MULTILINE
)
"""What pg_dump says to the connection and to psql, and not about the database."""
_SCHEMA: Final = re.compile(r"^(?:CREATE|COMMENT ON) SCHEMA public.*$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--(?: .*)?$", re.MULTILINE)
_BLANK: Final = re.compile(r"\n{3,}")
_FUNCTION: Final = re.compile(r"(\$\w*\$)(.*?)(\1)", re.DOTALL)
_WRITTEN_BY_ITSELF: Final = ("law", "django_migrations")
"""The law is what the code says at the start; the time of a migration is the time at which the script runs."""
_THEIR_NUMBERS: Final = re.compile(
    rf"^SELECT pg_catalog\.setval\('public\.(?:{'|'.join(_WRITTEN_BY_ITSELF)})_id_seq'.*$", re.MULTILINE
)


def script(url: str) -> str:
    """What makes an empty database into one like that at ``url``, which has tables and no data of its own."""
    import psycopg

    from rufaa.db import programs

    with psycopg.connect(url) as connection:
        major = connection.info.server_version // 10_000
        migrations = connection.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
    dbname, env = programs.address(url)
    told = subprocess.run(
        [
            *(programs.client("pg_dump", at_least=major), f"--dbname={dbname}", "--no-password"),
            *("--no-owner", "--no-privileges", "--rows-per-insert=100", "--schema=public"),
            *(f"--exclude-table-data={table}" for table in _WRITTEN_BY_ITSELF),
        ],
        env=dict(env),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = ",\n".join(f"    ('{app}', '{name}', now())" for app, name in migrations)
    applied = f"INSERT INTO public.django_migrations (app, name, applied) VALUES\n{rows};\n"
    return f"{_HEAD}\n{_tidy(told)}\n{applied}"


def _tidy(dump: str) -> str:
    """Without what differs between two versions of pg_dump; the bodies of functions stay as they are."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = _FUNCTION.sub(keep, dump)
    for unwanted in (_OF_THE_SESSION, _COMMENT, _SCHEMA, _THEIR_NUMBERS):
        text = unwanted.sub("", text)
    text = _BLANK.sub("\n\n", text).strip() + "\n"
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], text)


def main() -> int:
    sys.path.insert(0, str(ROOT / "src"))
    from rufaa.db.scratch import scratch_server

    with scratch_server() as server:
        server.create_database("schema")
        url = server.url("schema")
        os.environ |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "rufaa.settings",
            "RUFAA_MODE": "demo",
            "RUFAA_SECRET_KEYS": "a secret that nothing here is kept with",
        }
        import django

        django.setup()
        from django.core.management import call_command

        from rufaa.cli.migrate import close_connections

        call_command("migrate", verbosity=0, interactive=False)
        close_connections()
        text = script(url)
    from rufaa.db import fresh

    fresh.SCRIPT.write_text(text, encoding="utf-8")
    print(f"{fresh.SCRIPT.relative_to(ROOT)}: {len(text.splitlines()):,} lines")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
