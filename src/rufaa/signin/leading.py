"""Where a page may send somebody on to: a path of this server, and nowhere else."""

from __future__ import annotations

from django.utils.http import url_has_allowed_host_and_scheme


def leads_here(to: str) -> bool:
    """Whether ``to``, which a stranger may have written, is a path of this server."""
    return to.startswith("/") and to.isprintable() and url_has_allowed_host_and_scheme(to, allowed_hosts=None)
