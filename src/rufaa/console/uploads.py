"""Files that come with a form: none is kept, in memory or on the disk, beyond what may be attached to a referral."""

from __future__ import annotations

from typing import Final

from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from rufaa.config import config

_TOO_LARGE: Final = "rufaa.file_too_large"


def too_large(request: HttpRequest) -> bool:
    """Whether a file came that is not in ``request.FILES``, since it is too large."""
    assert request.FILES is not None  # reads the form, if nobody has yet
    return bool(request.META.get(_TOO_LARGE))


class Bounded(FileUploadHandler):
    """Stands before Django's own handlers. Of a file that grows too large nothing is kept, and the rest is read past,
    so that the form's other fields are there.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > config().attachment_bytes:
            assert self.request is not None
            self.request.META[_TOO_LARGE] = True
            raise SkipFile
        return raw_data

    def file_complete(self, _file_size: int) -> None:
        """The next handler's file is the one."""
