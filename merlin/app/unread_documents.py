"""Documents that lie in git without a text made from them: a course takes them from there."""

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.core.errors import Refused, SourceError
from merlin.dataset.finding import escape_unprintable
from merlin.providers.documents import MAX_DOCUMENT_BYTES, file_size_error

_OF_NEWEST = """
SELECT finding.path, verdict.commit_sha
FROM verdict JOIN finding ON finding.verdict_id = verdict.id
WHERE finding.rule = 'unread-document' AND verdict.id = (
    SELECT id FROM verdict WHERE dataset = :dataset AND position IS NOT NULL
    ORDER BY position DESC LIMIT 1)
ORDER BY finding.id
"""


def list_unread(ctx: Context, actor: Actor, dataset: str) -> dict[str, str]:
    """Return the paths of these documents of a dataset, each with the newest commit.

    Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    return dict(ctx.db.sql(_OF_NEWEST, dataset=dataset))


def read_unread(ctx: Context, dataset: str, path: str, commit: str) -> bytes:
    """Return the document at a path of a commit; slow, and reads no rows.

    Raises Refused for one that is too large, and without the mirror.
    """
    try:
        source = ctx.source() if ctx.source else None
        entries = source.entries(commit, dataset) if source else ()
        blobs = {escape_unprintable(each.path): each.blob for each in entries}
        if source is None or path not in blobs:
            raise Refused(f"no {path}", "document-not-in-git", path=path)
        found = source.read_small({blobs[path]}, MAX_DOCUMENT_BYTES)
    except SourceError as error:
        raise Refused(str(error), "document-not-in-git", path=path) from error
    if blobs[path] not in found:
        raise file_size_error(MAX_DOCUMENT_BYTES)
    return found[blobs[path]]
