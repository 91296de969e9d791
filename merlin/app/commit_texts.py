"""The texts of a commit, read from the mirror: what it changed, and the lines of its errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merlin.app.context import Context
from merlin.app.verdicts import VerdictView
from merlin.core.errors import SourceError
from merlin.core.log import get_logger
from merlin.core.names import is_valid_name
from merlin.dataset.file_difference import FileDifference, compare_all
from merlin.dataset.finding import Finding, escape_unprintable
from merlin.dataset.yaml_io import decode_text

log = get_logger(__name__)
# Files of a commit and errors whose texts are shown, bytes of a file, lines around an error.
_MAX_FILES = 20
_MAX_ERRORS = 10
_MAX_BYTES = 100_000
_AROUND = 2

Place = tuple[str, int]  # path and line


@dataclass(frozen=True, slots=True)
class CommitTexts:
    """What a commit changed in a dataset.

    `files` are those that are text and not too long, `others` the paths of the rest; `more` counts
    the files beyond. `lines` are the numbered lines around an error by its place.
    """

    files: Sequence[FileDifference]
    others: Sequence[str]
    more: int
    lines: Mapping[Place, Sequence[tuple[int, str]]]

    @property
    def paths(self) -> set[str]:
        """Return the paths of all files that are shown, also those from before a renaming."""
        named = {path for each in self.files for path in (each.path, each.was)}
        return {*named, *self.others}


def read_texts(ctx: Context, verdict: VerdictView) -> CommitTexts | None:
    """Return the texts of a verdict's commit, None without the mirror; slow, and reads no rows."""
    if ctx.source is None or not is_valid_name(verdict.dataset):
        return None
    errors = verdict.errors[:_MAX_ERRORS]
    try:
        source = ctx.source()
        changed = source.list_changed(verdict.commit, verdict.dataset)
        entries = source.entries(verdict.commit, verdict.dataset) if errors else ()
        paths = {error.path for error in errors}
        blobs = {escape_unprintable(each.path): each.blob for each in entries}
        shown = [blob for _, *both in changed[:_MAX_FILES] for blob in both]
        wanted = {*shown, *(blobs.get(path, "") for path in paths)} - {""}
        contents = source.read_small(wanted, _MAX_BYTES)
    except SourceError as error:
        log.warning("a commit cannot be read", commit=verdict.commit, reason=str(error))
        return None
    decoded = {blob: decode_text(content) for blob, content in contents.items()}
    texts = {blob: text for blob, text in decoded.items() if isinstance(text, str)}

    read = [
        # Only renamed: all of it is shown, as of a new file.
        (
            escape_unprintable(path),
            None if old == new else texts.get(old),
            texts.get(new),
        )
        for path, old, new in changed[:_MAX_FILES]
        if all(blob in texts for blob in (old, new) if blob)
    ]
    read_paths = {path for path, _, _ in read}
    paths_shown = [escape_unprintable(path) for path, *_ in changed[:_MAX_FILES]]

    def lines(error: Finding) -> list[tuple[int, str]]:
        numbered = list(
            enumerate(texts.get(blobs.get(error.path, ""), "").splitlines(), 1)
        )
        return numbered[max(error.line - 1 - _AROUND, 0) : error.line + _AROUND]

    return CommitTexts(
        files=compare_all(read),
        others=[path for path in paths_shown if path not in read_paths],
        more=max(len(changed) - _MAX_FILES, 0),
        lines={(error.path, error.line): lines(error) for error in errors},
    )
