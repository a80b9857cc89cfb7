"""What two facilities said and showed to each other is in the backup, and is proved with the rest."""

from __future__ import annotations

from pathlib import Path

import psycopg

from backup.conftest import Commands, back_up
from rufaa.db.atomic import unit
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.talk import operations as talk
from support import World


def test_comments_and_files_come_back_as_they_were(world: World, database: str, folder: Path, rufaa: Commands) -> None:
    referral, file = world.referral(), b"%PDF-" + bytes(range(256)) * 4096

    def write(tx: object) -> str:
        talk.say(tx, world.admin, referral, text="See the file.")  # type: ignore[arg-type]
        return talk.attach(tx, world.admin, referral, name="lab.pdf", content=file).pk.hex  # type: ignore[arg-type]

    attached = unit(write, actor=world.admin.user)
    backup = folder / "one.backup"
    back_up(database, backup)

    proved = rufaa.done("restore", backup, "--prove")
    rufaa.done("restore", backup)

    assert "every row is there, and as it was" in proved
    assert "every guard is there and in force" in proved
    with EmbeddedPostgres(Settings(data=folder / "data")) as postgres, psycopg.connect(postgres.url()) as restored:
        assert restored.execute("SELECT text FROM comment").fetchall() == [("See the file.",)]
        found = restored.execute(
            "SELECT replace(id::text, '-', ''), name, content, sha256 = sha256(content)"
            " FROM attachment JOIN attachment_content ON attachment_id = id"
        ).fetchall()
    assert found == [(attached, "lab.pdf", file, True)]
