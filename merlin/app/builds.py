"""Builds: list, show with examples, compare."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from merlin.app.actor import Actor, read_newest_rows
from merlin.app.context import Context
from merlin.app.requests import submit_request
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.views import INTERNAL
from merlin.dataset.builds import (
    UNSEEN,
    build_version,
    diff,
    is_in_build,
    match_version,
)
from merlin.db.database import Row
from merlin.db.requests import Request, RequestKind
from merlin.db.tables import BUILD, TAUGHT_EXAMPLE
from merlin.db.values import load_json, read_row

# One digit, as of a mistyped version, is the beginning of some digest.
_MIN_DIGEST_PREFIX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildView:
    """One version of a dataset's training files."""

    version: str
    id: int = field(metadata=INTERNAL)
    dataset: str
    number: int
    digest: str
    # Relative to `state_dir/builds`.
    folder: str = field(metadata=INTERNAL)
    train: int
    test: int
    train_tokens: int
    test_tokens: int
    created_at: datetime

    @property
    def tokens(self) -> int:
        """Return the tokens of all its examples, those for tests too."""
        return self.train_tokens + self.test_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildExample:
    """An example in the train or test split of a build."""

    id: str
    blob: str
    split: str
    tokens: int
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDetails(BuildView):
    """A build with its examples."""

    system: str
    # As stored in the build's folder.
    manifest: dict[str, Any] = field(metadata=INTERNAL)
    examples: list[BuildExample]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiff:
    """Ids of the examples that differ; `moved` ones only changed between train and test split."""

    old: str
    new: str
    added: list[str]
    removed: list[str]
    changed: list[str]
    moved: list[str]


def list_recent(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 50
) -> list[BuildView]:
    """Return builds, newest first. Raises NotFound."""
    seen = BUILD.select().where(~BUILD.dataset.startswith(UNSEEN))
    rows = read_newest_rows(ctx, actor, seen, BUILD, dataset, limit)
    return [read_row(BuildView, row, version=_format_version(row)) for row in rows]


def get(ctx: Context, actor: Actor, version: str) -> BuildDetails:
    """Return a build by its version (neurotypology-7) or the beginning of its digest.

    Raises NotFound, also without the permission.
    """
    row = _find(ctx, actor, version)
    # Sorted here: another database may have another collation.
    examples = sorted(
        ctx.db.rows(_select_examples(row)),
        key=lambda example: str(example.example_id),
    )
    return read_row(
        BuildDetails,
        row,
        version=_format_version(row),
        manifest=load_json(row.manifest),
        examples=[
            read_row(
                BuildExample,
                example,
                id=example.example_id,
                author=example.author or "",
            )
            for example in examples
        ],
    )


def _select_examples(build: Row) -> Any:
    return TAUGHT_EXAMPLE.select().where(is_in_build(build.id, build.dataset))


def build(
    ctx: Context, actor: Actor, dataset: str, commit: str | None = None
) -> Request:
    """Ask the daemon to read the repository and build `commit`; None: the newest one."""
    actor.require(Permission.WATCH, dataset)
    arguments = {"dataset": dataset, "commit": commit}
    return submit_request(
        ctx, actor, RequestKind.BUILD, arguments, f"dataset:{dataset}"
    )


def compare(ctx: Context, actor: Actor, old: str, new: str) -> BuildDiff:
    """Return the differences between two builds.

    Raises NotFound; Refused if they are of different datasets.
    """
    rows = [_find(ctx, actor, version) for version in (old, new)]
    old_name, new_name = (f"{row.dataset}-{row.number}" for row in rows)
    if rows[0].dataset != rows[1].dataset:
        other = {"old": old_name, "new": new_name}
        raise Refused("builds of different datasets", "build-other-dataset", **other)
    # The tokens are those of the tools too, which the digest leaves out.
    contents = (
        {
            each.example_id: (
                each.split,
                each.blob,
                (each.text_digest, each.tokens),
            )
            for each in ctx.db.rows(_select_examples(row))
        }
        for row in rows
    )
    return BuildDiff(old=old_name, new=new_name, **diff(*contents))


def _find(ctx: Context, actor: Actor, version: str) -> Row:
    """Return the row of a build by its version or the beginning of its digest. Raises NotFound."""
    is_prefix = len(version) >= _MIN_DIGEST_PREFIX
    digest = BUILD.digest.startswith(version) if is_prefix else BUILD.digest == version
    named = BUILD.select().where(match_version(version) | digest)
    row = ctx.db.row(named.order_by(BUILD.id.desc()))
    if row is None or not actor.may(Permission.WATCH, row.dataset):
        raise NotFound(f"no build {version}", "store-no-build", build=version)
    return row


def _format_version(row: Row) -> str | None:
    return build_version(row.dataset, row.number)
