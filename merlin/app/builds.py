"""Builds: list, show with all that one teaches, compare two, prove one, let old folders go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from merlin.app.actor import Actor, newest_rows
from merlin.app.context import Context
from merlin.app.requests import submit_request
from merlin.app.retention import RemovableFiles
from merlin.app.views import INTERNAL
from merlin.core.durable_files import folder_bytes
from merlin.core.errors import Forbidden, NotFound
from merlin.core.messages import Message
from merlin.core.permissions import Permission
from merlin.dataset.builds import (
    Build,
    build_from_row,
    build_version,
    diff,
    select_whole_builds,
    taught_in,
)
from merlin.dataset.split import TEST, TRAIN
from merlin.dataset.verify import BuildProof, verify_build
from merlin.db.database import Row
from merlin.db.requests import Request, RequestKind
from merlin.db.tables import BUILD, TAUGHT_EXAMPLE, VERDICT
from merlin.db.values import load_json, read_row
from merlin.training.models import read_conversations

if TYPE_CHECKING:
    from merlin.git.repository import GitSource


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildView:
    """One version of a dataset's training files."""

    version: str
    id: int = field(metadata=INTERNAL)
    dataset: str
    number: int
    digest: str
    # Below `state_dir/builds`.
    folder: str = field(metadata=INTERNAL)
    train: int
    test: int
    train_tokens: int
    test_tokens: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildExample:
    """One example that a build teaches or tests."""

    id: str
    blob: str
    split: str
    tokens: int
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDetails(BuildView):
    """A build with all that it teaches."""

    system: str
    # As the build's folder has it.
    manifest: dict[str, Any] = field(metadata=INTERNAL)
    examples: list[BuildExample]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiff:
    """Ids of examples by what became of them; `moved` changed the side of the split alone."""

    old: str
    new: str
    added: list[str]
    removed: list[str]
    changed: list[str]
    moved: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleChange:
    """One example in two builds: its side of the split, "" where it is not; what it says there.

    `old` and `new` are whole conversations, without the system text of their build; the worse
    answer of a pair is last, its role `rejected`.
    """

    id: str
    old_split: str
    new_split: str
    old: Sequence[Message]
    new: Sequence[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildComparison:
    """Two builds with every example that differs, as `BuildDiff` has them, and what it says."""

    old: BuildView
    new: BuildView
    old_system: str
    new_system: str
    added: list[ExampleChange]
    removed: list[ExampleChange]
    changed: list[ExampleChange]
    moved: list[ExampleChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnneededBuilds:
    """Builds whose folders lie there and nobody needs, newest first; the bytes that these take."""

    builds: Sequence[Build]
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return what programs read, and what the daemon answers."""
        return {"builds": [build.version for build in self.builds], "bytes": self.bytes}


def recent(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 50, before: int = 0
) -> list[BuildView]:
    """Return builds, newest first; `before`: only ids below it. Raises NotFound."""
    rows = newest_rows(ctx, actor, select_whole_builds(), BUILD, dataset, limit, before)
    return [read_row(BuildView, row, version=_version(row)) for row in rows]


def get(ctx: Context, actor: Actor, version: str) -> BuildDetails:
    """Return a build by its version (neurotypology-7) or the beginning of its digest.

    Raises NotFound, also without the permission.
    """
    row = _find(ctx, actor, version)
    taught = TAUGHT_EXAMPLE.select().where(taught_in(row["id"], row["dataset"]))
    # Sorted here: a database on another machine may put letters in another order.
    examples = sorted(ctx.db.rows(taught), key=lambda each: str(each["example_id"]))
    return read_row(
        BuildDetails,
        row,
        version=_version(row),
        manifest=load_json(row["manifest"]),
        examples=[
            read_row(
                BuildExample, example, id=example["example_id"], author=example["author"] or ""
            )
            for example in examples
        ],
    )


def build(ctx: Context, actor: Actor, dataset: str, commit: str | None = None) -> Request:
    """Ask the daemon to read the repository and build; it tells what a commit led to."""
    actor.require(Permission.WATCH, dataset)
    arguments = {"dataset": dataset, "commit": commit}
    return submit_request(ctx, actor, RequestKind.BUILD, arguments, f"dataset:{dataset}")


def compare(ctx: Context, actor: Actor, old: str, new: str) -> BuildDiff:
    """Return what one build has that another has not. Raises NotFound."""
    one, other = get(ctx, actor, old), get(ctx, actor, new)
    sides = (
        {example.id: (example.blob, example.split) for example in build.examples}
        for build in (one, other)
    )
    return BuildDiff(old=one.version, new=other.version, **diff(*sides))


def compare_texts(ctx: Context, actor: Actor, old: str, new: str) -> BuildComparison:
    """Return what differs between two builds, with what each example says. Raises NotFound."""
    sides = [_find(ctx, actor, version) for version in (old, new)]
    comparison = compare(ctx, actor, old, new)
    before, after = (_conversations(ctx, row) for row in sides)

    def changes(ids: Sequence[str]) -> list[ExampleChange]:
        nothing: tuple[str, Sequence[Message]] = ("", ())
        both = [(each, before.get(each, nothing), after.get(each, nothing)) for each in ids]
        return [
            ExampleChange(id=name, old_split=one[0], new_split=other[0], old=one[1], new=other[1])
            for name, one, other in both
        ]

    views = [read_row(BuildView, row, version=_version(row)) for row in sides]
    return BuildComparison(
        old=views[0],
        new=views[1],
        old_system=sides[0]["system"],
        new_system=sides[1]["system"],
        added=changes(comparison.added),
        removed=changes(comparison.removed),
        changed=changes(comparison.changed),
        moved=changes(comparison.moved),
    )


def _conversations(ctx: Context, row: Row) -> dict[str, tuple[str, Sequence[Message]]]:
    """Return example id -> its side of the split, and what is said in it."""
    own = Message("system", row["system"])
    return {
        name: (side, messages[1:] if messages[0] == own else messages)
        for side in (TRAIN, TEST)
        for name, messages in read_conversations(ctx.db, row["id"], side, with_rejected=True)
    }


def verify(ctx: Context, actor: Actor, source: GitSource, version: str) -> BuildProof:
    """Make a build anew from the mirror, and tell whether its folder holds the same bytes.

    Raises NotFound, DatasetError and SourceError as `verify_build` does.
    """
    build = build_from_row(_find(ctx, actor, version))
    led = VERDICT.select(VERDICT.commit_sha).where(VERDICT.build_id == build.build_id)
    commits = [row["commit_sha"] for row in ctx.db.rows(led.order_by(VERDICT.id))]
    folder = ctx.config.state_dir / "builds" / build.folder
    return verify_build(source, build, folder, commits, ctx.config.example_tokens)


def restore(ctx: Context, actor: Actor, version: str, commit: str) -> Request:
    """Ask the daemon to make a build's folder anew from a commit. Raises NotFound."""
    build = build_from_row(_find(ctx, actor, version))
    arguments = {"dataset": build.dataset, "build": build.build_id, "commit": commit}
    return submit_request(ctx, actor, RequestKind.RESTORE, arguments, f"build:{build.version}")


def unneeded(ctx: Context, actor: Actor, keep: int) -> UnneededBuilds:
    """Return the builds whose folders `prune` would remove. Raises Forbidden."""
    _require_keeper(actor)
    builds = ctx.config.state_dir / "builds"
    found = RemovableFiles(ctx.db, ctx.clock).builds_beyond(keep)
    there = [build for build in found if (builds / build.folder).is_dir()]
    size = sum(folder_bytes(builds / build.folder) for build in there)
    return UnneededBuilds(builds=there, bytes=size)


def prune(ctx: Context, actor: Actor, keep: int) -> Request:
    """Ask the daemon to remove folders of builds that nobody needs, but the `keep` newest.

    Raises Forbidden.
    """
    _require_keeper(actor)
    return submit_request(ctx, actor, RequestKind.PRUNE, {"keep": keep}, "builds")


def _require_keeper(actor: Actor) -> None:
    """Raise Forbidden for who may not decide what this machine keeps of all datasets."""
    if not actor.may(Permission.LAUNCH):
        raise Forbidden("only an admin lets folders of builds go")


def _find(ctx: Context, actor: Actor, version: str) -> Row:
    """Return the row of a build by its version or the beginning of its digest. Raises NotFound."""
    dataset, _, number = version.rpartition("-")
    named = BUILD.digest.startswith(version)
    if dataset and number.isascii() and number.isdigit():
        named = (BUILD.dataset == dataset) & (BUILD.number == int(number))
    row = ctx.db.row(select_whole_builds().where(named).order_by(BUILD.id.desc()))
    if row is None or not actor.may(Permission.WATCH, row["dataset"]):
        raise NotFound(f"no build {version}", "store-no-build", build=version)
    return row


def _version(row: Row) -> str | None:
    return build_version(row["dataset"], row["number"])
