"""``python -m rufaa`` is ``rufaa``."""

from rufaa.cli import run

run()
