"""Unpacks archives that lie in this repository."""

import tarfile


def unpack(archive, folder):
    """Unpack a tar archive into a folder.

    Python 3.12 warns where no filter is named, and Debian's 3.11.2 knows none; this is the way for
    both that the documentation of `tarfile` names.
    """
    with tarfile.open(archive) as opened:
        opened.extraction_filter = getattr(
            tarfile, "data_filter", lambda member, _: member
        )
        opened.extractall(folder)  # noqa: S202 - of ours
