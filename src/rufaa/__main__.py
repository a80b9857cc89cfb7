"""``python -m rufaa`` is ``rufaa``."""

from rufaa.cli import main

main()
