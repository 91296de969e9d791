"""A build: training files, digest, folder, difference.

    builds/<dataset>/<number>-<digest12>/{train.jsonl, test.jsonl, manifest.json,
        README.md, test_questions.yaml}

Builds are deterministic: the same examples give the same bytes and digest, and no second build. A
file has one JSON line per example, ordered by id, in the format of the fine-tuning method. A folder
is created atomically.

An example's history is read from the database, because only the daemon has the repository. It
contains built versions only.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from operator import eq
from pathlib import Path, PurePath
from typing import Any

from peewee import Select

from merlin.core.durable_files import set_aside, sha256_of, sync_file
from merlin.core.errors import DatasetError, NotFound
from merlin.core.i18n import choose_translation
from merlin.core.killpoint import kill_point
from merlin.dataset.chat_formats import dump_messages, training_line
from merlin.dataset.check import CheckedDataset
from merlin.dataset.evaluation_plan import plan_test
from merlin.dataset.example import Example
from merlin.dataset.judge import TokenLimit
from merlin.dataset.published import CARD_FILE, TESTS_FILE, dump_card, dump_tests
from merlin.dataset.spec import DatasetSpec, Recipe
from merlin.dataset.split import FEWEST, TEST, TRAIN
from merlin.db.tables import BUILD, EXAMPLE_TEXT, TAUGHT_EXAMPLE
from merlin.db.values import RowMap


def diff(
    old: Mapping[str, tuple[str, str, object]],
    new: Mapping[str, tuple[str, str, object]],
) -> dict[str, list[str]]:
    """Return the difference from `old` to `new`, as sorted example ids.

    Both are id -> (side, blob, what is trained). Keys: added, removed, changed (other content),
    moved (same content, other side of the split). An example with other line ends or comments is
    another blob with the same content; after a change of the system text only the blob is the same.
    """
    both = sorted(old.keys() & new.keys())
    pairs = ((name, old[name][1:], new[name][1:]) for name in both)
    same = [name for name, before, after in pairs if any(map(eq, before, after))]
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(set(both) - set(same)),
        "moved": [name for name in same if old[name][0] != new[name][0]],
    }


@dataclass(frozen=True, slots=True)
class Build:
    """One version of a dataset's training files; immutable, content-addressed.

    `folder` is relative to `state_dir/builds`; tokens are counted with the base's vocabulary.
    """

    build_id: int
    dataset: str
    number: int
    digest: str
    folder: str
    system: str
    train: int
    test: int
    train_tokens: int
    test_tokens: int
    created_at: datetime
    manifest: Mapping[str, object] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Return its display name: `neurotypology-7`."""
        return f"{self.dataset}-{self.number}"


def build_version(dataset: str, number: int | None) -> str | None:
    """Return a build's display name, `neurotypology-7`, or None without a build."""
    return None if number is None else f"{dataset}-{number}"


def match_version(name: str) -> Any:
    """Return the condition for the build with this display name; any other text matches none."""
    match = re.fullmatch("(.+)-([0-9]{1,18})", name)  # any such number fits the column
    dataset, number = match.groups() if match else ("", 0)
    return (BUILD.dataset == dataset) & (BUILD.number == int(number))


# `end_build` of an example that the newest build contains.
NO_END = (1 << 63) - 1
# Before the name of its dataset, a build whose examples are being stored: no dataset is called so.
UNSEEN = "/"


def is_in_build(build_id: Any, dataset: Any = None, table: Any = TAUGHT_EXAMPLE) -> Any:
    """Return the condition for the examples that a build contains, of both splits.

    `build_id` and its `dataset` are values or columns; without `dataset` a subquery finds it.
    """
    if dataset is None:
        dataset = BUILD.select(BUILD.dataset).where(BUILD.id == build_id)
    holds = (table.first_build <= build_id) & (table.end_build > build_id)
    return (table.dataset == dataset) & holds


def select_taught(*columns: Any) -> Select:
    """Return a SELECT of taught examples, joined with their texts."""
    same = EXAMPLE_TEXT.digest == TAUGHT_EXAMPLE.text_digest
    return TAUGHT_EXAMPLE.select(*columns).join(EXAMPLE_TEXT, on=same)


def select_builds_with(dataset: str, example_id: str, *columns: Any) -> Select:
    """Return a SELECT of the builds that contain an example, joined with it."""
    builds = BUILD.select(*columns).where(BUILD.dataset == dataset)
    example = (TAUGHT_EXAMPLE.dataset == dataset) & (
        TAUGHT_EXAMPLE.example_id == example_id
    )
    return builds.join(TAUGHT_EXAMPLE, on=is_in_build(BUILD.id, dataset)).where(example)


def training_key(dataset: str, digest: str, recipe: Recipe) -> str:
    """Return a digest that identifies a training: the files and the recipe.

    The suffix is excluded, because it only names the model. The dataset is included: a copied
    folder is a separate dataset with its own model.
    """
    values = {**recipe.as_json(), "dataset": dataset, "digest": digest}
    del values["suffix"]
    plain = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


BUILDS = RowMap(Build, columns={"build_id": "id"})
TRAIN_FILE = "train.jsonl"
TEST_FILE = "test.jsonl"
MANIFEST_FILE = "manifest.json"
SHORT_DIGEST_LENGTH = 12  # digits of the digest in folder and display names
FILES = ((TRAIN, TRAIN_FILE), (TEST, TEST_FILE))
_TEMPORARY = ".tmp-"


@dataclass(frozen=True, slots=True)
class BuildContent:
    """A build without a number yet.

    `digest`: sha256 (hex) over the hashes of both files. `manifest` is JSON: dataset, digest,
    sha256 and tokens by side, counts (in, train, test, rejected, duplicate), system, recipe, split.
    `checked` is the dataset that it is made of, `examples` are its good ones by id as the method
    trains them, `tokens` their tokens, with the system text.
    """

    digest: str
    manifest: Mapping[str, Any]
    checked: CheckedDataset = field(compare=False, repr=False)
    examples: Mapping[str, Example] = field(compare=False, repr=False)
    tokens: Mapping[str, int] = field(compare=False, repr=False)

    def lines(self, side: str) -> Iterator[bytes]:
        """Yield the lines of a side's file."""
        return _write_lines(self.checked, self.examples, side)

    def dump_messages(self, example_id: str) -> str:
        """Return the training messages of an example as JSON."""
        return dump_messages(self.examples[example_id], str(self.manifest["system"]))

    def describe(self) -> dict[str, str]:
        """Return the contents of the files that describe it to other programs, by their names."""
        system = str(self.manifest["system"])
        spec = self.checked.spec
        tests = [
            (name, example.with_system(system))
            for name, example in self.examples.items()
            if self.checked.sides[name] == TEST
        ]
        title = choose_translation(spec.title, "en") if spec else ""
        said = (each.messages for each in self.examples.values())
        card = dump_card(self.manifest, title or self.checked.name, dict(FILES), said)
        return {CARD_FILE: card, TESTS_FILE: dump_tests(tests)}


def make_build(checked: CheckedDataset) -> BuildContent:
    """Return the build of a checked dataset.

    Raises DatasetError if it cannot be built.
    """
    spec = _require_spec(checked)
    trained = {
        each.id: each.adapt_to_method(spec.recipe.method) for each in checked.examples
    }
    limit = TokenLimit(spec.system, None)
    tokens = {name: limit.total(example) for name, example in trained.items()}
    by_side = {
        side: [name for name in trained if checked.sides[name] == side]
        for side in (TRAIN, TEST)
    }
    hashes = {side: _hash(_write_lines(checked, trained, side)) for side in by_side}
    digest = build_digest(hashes[TRAIN], hashes[TEST])
    plan = plan_test(checked.sides.values(), spec)
    manifest = {
        "dataset": checked.name,
        "digest": digest,
        "sha256": hashes,
        "counts": {
            "in": checked.found,
            **{side: len(names) for side, names in by_side.items()},
            "rejected": checked.rejected,
            "duplicate": len(checked.duplicates),
        },
        "tokens": {
            side: sum(tokens[name] for name in names) for side, names in by_side.items()
        },
        "split": {
            **asdict(spec.split),
            "disguised": plan.disguised,
            "has_gate": plan.has_gate,
        },
        "system": spec.system,
        "recipe": spec.recipe.as_json(),
    }
    return BuildContent(digest, manifest, checked, trained, tokens)


def _require_spec(checked: CheckedDataset) -> DatasetSpec:
    """Return the spec of a dataset that can be built.

    Raises DatasetError (keys build-*) without one, for too few examples, or for a rejected example
    in a strict dataset.
    """
    name = checked.name
    good = checked.good
    if checked.spec is None:
        raise DatasetError(
            f"{name}: dataset.yaml cannot be used", "build-no-spec", dataset=name
        )
    if good < FEWEST:
        raise DatasetError(
            f"{name}: {good} good examples",
            "build-too-few",
            dataset=name,
            good=good,
            fewest=FEWEST,
        )
    if not checked.is_buildable:
        raise DatasetError(
            f"{name}: strict, {checked.rejected} rejected",
            "build-strict",
            dataset=name,
            rejected=checked.rejected,
        )
    return checked.spec


def _write_lines(
    checked: CheckedDataset, trained: Mapping[str, Example], side: str
) -> Iterator[bytes]:
    if checked.spec is not None:
        system = checked.spec.system
        method = checked.spec.recipe.method
        for name, example in trained.items():
            if checked.sides[name] == side:
                yield training_line(example, system, method)


def _hash(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def describe_build(
    content: BuildContent, number: int, folder: PurePath, at: datetime
) -> Build:
    """Return a build that was written to a folder, relative to all builds, and has no row yet."""
    manifest = content.manifest
    counts = manifest["counts"]
    tokens = manifest["tokens"]
    return Build(
        build_id=0,
        dataset=manifest["dataset"],
        number=number,
        digest=content.digest,
        folder=folder.as_posix(),
        system=manifest["system"],
        train=counts[TRAIN],
        test=counts[TEST],
        train_tokens=tokens[TRAIN],
        test_tokens=tokens[TEST],
        created_at=at,
        manifest=manifest,
    )


def build_digest(train_sha256: str, test_sha256: str) -> str:
    """Return a build's digest from the hex hashes of its two files."""
    return hashlib.sha256(
        f"train {train_sha256}\ntest {test_sha256}\n".encode()
    ).hexdigest()


def write_build(content: BuildContent, parent: Path, number: int) -> Path:
    """Write the build below `parent` (builds/<dataset>) and return its folder.

    An existing folder is not changed. The write is atomic and repeatable: after a crash the folder
    is either complete or absent. Raises OSError when writing fails.
    """
    folder = parent / f"{number}-{content.digest[:SHORT_DIGEST_LENGTH]}"
    if folder.is_dir():
        return folder
    with create_build_folder(parent) as place:
        place.chmod(0o755)
        for side, name in FILES:
            with (place / name).open("wb") as file:
                file.writelines(content.lines(side))
        manifest = json.dumps(content.manifest, ensure_ascii=False, indent=1) + "\n"
        (place / MANIFEST_FILE).write_text(manifest, "utf-8")
        for name, text in content.describe().items():
            (place / name).write_text(text, "utf-8")
        for path in place.iterdir():
            sync_file(path)
        sync_file(place)
        kill_point("build.tmp_written")
        kill_point("build.before_rename")
        place.rename(folder)
    sync_file(parent)
    kill_point("build.after_rename")
    return folder


@contextmanager
def create_build_folder(parent: Path) -> Iterator[Path]:
    """Yield a temporary folder below `parent` (builds/<dataset>) for a build in progress.

    It is removed afterwards, unless it was renamed to the build's folder. Raises OSError.
    """
    parent.mkdir(parents=True, exist_ok=True)
    # Only the leading daemon builds, so an existing temporary folder is left from a crash.
    for left in parent.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=parent))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def remove_folders(
    builds: Path, known: Collection[str], old: Collection[str], before: datetime
) -> int:
    """Remove the folders of `old` builds; set unknown ones aside, last modified before `before`.

    `known` and `old` are paths relative to `builds`. Returns how many folders were removed.
    """
    folders = {
        folder.relative_to(builds).as_posix(): folder
        for folder in builds.glob("*/*/")  # no files
    }
    removed = folders.keys() & old
    for name in removed:
        shutil.rmtree(folders[name])
    left = [
        folder
        for name, folder in folders.items()
        if name not in old and folder.stat().st_mtime < before.timestamp()
    ]
    return len(removed) + set_aside(
        builds.parent, left, {builds / name for name in known}
    )


def read_manifest(folder: Path, known: str = "") -> Mapping[str, Any]:
    """Return the manifest of the build in `folder` after verifying the hashes of its files.

    Raises NotFound when a file is missing, DatasetError when the files do not match the manifest
    or the build's digest is not `known` ("" accepts any).
    """
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
        hashes = {side: sha256_of(folder / name) for side, name in FILES}
    except FileNotFoundError:
        raise NotFound(
            f"no build in {folder}", "build-not-found", name=folder.name
        ) from None
    manifest: dict[str, Any] | None = None
    with suppress(ValueError):
        manifest = json.loads(content)
    digest = build_digest(hashes[TRAIN], hashes[TEST])
    proven = {"sha256": hashes, "digest": digest}
    is_proven = isinstance(manifest, dict) and manifest.items() >= proven.items()
    if manifest is None or not is_proven or known not in ("", digest):
        raise DatasetError(
            f"build {folder} is damaged", "build-damaged", name=folder.name
        )
    return manifest
