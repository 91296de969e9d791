"""A build: train and test split, training files, digest, folder, difference.

    builds/<dataset>/<number>-<digest12>/{train.jsonl, test.jsonl, manifest.json}

The same examples give the same bytes, the same digest and no second build: one JSON line an
example, ordered by id, in the format that its method of fine-tuning has. A folder appears whole or
not at all, whatever happens while it is written.

An unmarked example is a train or a test one by the hash of its normalised first question, so
adding examples never moves an old one, and duplicates of a question stay on one side. Marks go
before the hash.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from peewee import Select

from merlin.core.durable_files import sync_file
from merlin.core.errors import DatasetError, NotFound
from merlin.core.killpoint import kill_point
from merlin.dataset.chat_formats import trained_record
from merlin.dataset.check import FEWEST, CheckedDataset
from merlin.dataset.example import Example, count_example
from merlin.dataset.spec import DatasetSpec, Recipe, SplitRule
from merlin.db.database import Row
from merlin.db.tables import BUILD, TAUGHT_EXAMPLE
from merlin.db.values import read_row


def diff(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what leads from manifest `old` (None: no build before) to `new`, as example ids.

    They are added, removed, changed (other words), or moved (the same words on the other side of
    the split); each list is ordered.
    """
    before = {each["id"]: each for each in old["examples"]} if old else {}
    after = {each["id"]: each for each in new["examples"]}
    both = sorted(before.keys() & after.keys())
    same = [name for name in both if before[name]["blob"] == after[name]["blob"]]
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(set(both) - set(same)),
        "moved": [name for name in same if before[name]["split"] != after[name]["split"]],
    }


def jsonl_line(example: Example, system: str) -> bytes:
    """Return one line, with its line end; `system` stands first unless the example has its own."""
    said = trained_record(example, system)
    return (json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def jsonl_lines(examples: Iterable[Example], system: str) -> bytes:
    """Return the whole file; no examples give no bytes."""
    whole = BytesIO()  # lines that wait to be joined would take the file's memory twice
    for example in sorted(examples, key=lambda each: each.id):
        whole.write(jsonl_line(example, system))
    return whole.getvalue()


@dataclass(frozen=True, slots=True)
class Build:
    """One version of a dataset's training files; immutable, content-addressed.

    `folder` is relative to `state_dir/builds`; tokens are of the base's vocabulary.
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
        """Return its name for people: `neurotypology-7`."""
        return f"{self.dataset}-{self.number}"


def build_version(dataset: str, number: int | None) -> str | None:
    """Return a build's name for people, `neurotypology-7`, or None without a build."""
    return None if number is None else f"{dataset}-{number}"


def select_whole_builds(*columns: Any) -> Select:
    """Return the SELECT of builds (their columns, all by default) whose examples are all stored."""
    return BUILD.select(*columns).where(BUILD.is_whole == 1)


# The end of a row that the newest build still holds.
NO_END = (1 << 63) - 1


def taught_in(build_id: Any, dataset: Any = None, table: Any = TAUGHT_EXAMPLE) -> Any:
    """Return the condition for the examples that a build holds, of both splits.

    `build_id` and its `dataset` are values or columns; without a dataset it is looked up.
    """
    if dataset is None:
        dataset = BUILD.select(BUILD.dataset).where(BUILD.id == build_id)
    holds = (table.first_build <= build_id) & (table.end_build > build_id)
    return (table.dataset == dataset) & holds


def training_key(dataset: str, digest: str, recipe: Recipe) -> str:
    """Return a digest of what a commit wants trained: these files by this recipe.

    The suffix is left out: it names a model, it does not change one. The dataset stays in: a
    copied folder is a dataset of its own, with a model of its own.
    """
    told = {**recipe.as_json(), "dataset": dataset, "digest": digest}
    del told["suffix"]
    plain = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


TRAIN, TEST = "train", "test"
_BUCKETS = 1 << 64


@dataclass(frozen=True, slots=True)
class Split:
    """`sides`: example id -> train | test. `taken_back` test examples teach after all.

    `has_gate`: there are enough test examples (`min_test`) to judge a model by.
    """

    sides: Mapping[str, str]
    taken_back: int
    has_gate: bool


def split(examples: Sequence[Example], rule: SplitRule) -> Split:
    """Return each example's side.

    Train is never left under `FEWEST`: test questions go back, those with the highest hash
    first, which is what a smaller share would have done; marked ones last.
    """
    # A question that somebody marked as taught is taught wherever it is asked.
    taught = {each.facts.question for each in examples if each.split == TRAIN}
    sides = {each.id: each.split or TRAIN for each in examples}
    for each in examples:
        question = each.facts.question
        is_free = each.split is None and question not in taught
        if is_free and split_bucket(question, rule.salt) < rule.test:
            sides[each.id] = TEST
    taken_back = _take_back(examples, rule, sides)
    tests = sum(side == TEST for side in sides.values())
    return Split(sides, taken_back, has_gate=tests >= max(rule.min_test, 1))


def split_bucket(question: str, salt: str) -> float:
    """Return where a normalised question falls, 0 <= bucket < 1, evenly over questions.

    Source: the first 64 bits of sha256 of "<salt>:<question>".
    """
    digest = hashlib.sha256(f"{salt}:{question}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _BUCKETS


def _take_back(examples: Sequence[Example], rule: SplitRule, sides: dict[str, str]) -> int:
    """Move whole questions from test to train until train has enough; return how many examples."""
    tests: dict[tuple[bool, float, str], list[str]] = {}
    for example in examples:
        if sides[example.id] == TEST:
            question = example.facts.question
            place = (example.split == TEST, -split_bucket(question, rule.salt), question)
            tests.setdefault(place, []).append(example.id)
    lacking = FEWEST - (len(examples) - sum(map(len, tests.values())))
    moved = 0
    for place in sorted(tests):
        if moved >= lacking:
            break
        sides.update(dict.fromkeys(tests[place], TRAIN))
        moved += len(tests[place])
    return moved


def build_from_row(row: Row) -> Build:
    """Return the build of a row of the table build."""
    return read_row(Build, row, build_id=row["id"])


TRAIN_FILE, TEST_FILE, MANIFEST_FILE = "train.jsonl", "test.jsonl", "manifest.json"
SHORT = 12  # digits of the digest in names that people read
_TEMPORARY = ".tmp-"


@dataclass(frozen=True, slots=True)
class BuildContent:
    """A build before it has a number.

    `digest`: sha256 (hex) over the hashes of both files. `manifest` is JSON: dataset, digest,
    sha256 and tokens by side, counts (in, train, test, rejected, duplicate), system, recipe,
    split, and of each example id, blob, split and tokens.
    """

    train: bytes
    test: bytes
    digest: str
    manifest: Mapping[str, Any]


def make_build(checked: CheckedDataset) -> BuildContent:
    """Return the build of a checked dataset.

    Raises DatasetError (keys build-*) when it may not be built: no spec, too few examples, or
    a rejected example in a strict dataset.
    """
    spec, name, good = checked.spec, checked.name, len(checked.examples)
    if spec is None:
        raise DatasetError(f"{name}: dataset.yaml cannot be used", "build-no-spec", dataset=name)
    if good < FEWEST:
        told = {"dataset": name, "good": good, "fewest": FEWEST}
        raise DatasetError(f"{name}: {good} good examples", "build-too-few", **told)
    if not checked.is_buildable:
        told = {"dataset": name, "rejected": checked.rejected}
        raise DatasetError(f"{name}: strict, {checked.rejected} rejected", "build-strict", **told)
    method = spec.recipe.method
    trained = tuple(each.trained_by(method) for each in checked.examples)
    checked = replace(checked, examples=trained)
    dealt = split(checked.examples, spec.split)
    sides = {
        side: [each for each in checked.examples if dealt.sides[each.id] == side]
        for side in (TRAIN, TEST)
    }
    files = {side: jsonl_lines(examples, spec.system) for side, examples in sides.items()}
    hashes = {side: hashlib.sha256(content).hexdigest() for side, content in files.items()}
    digest = build_digest(hashes[TRAIN], hashes[TEST])
    manifest = {
        "dataset": checked.name,
        "digest": digest,
        "sha256": hashes,
        **_counted(checked, dealt, spec),
        "system": spec.system,
        "recipe": spec.recipe.as_json(),
        "split": {
            **asdict(spec.split),
            "taken_back": dealt.taken_back,
            "has_gate": dealt.has_gate,
        },
    }
    return BuildContent(files[TRAIN], files[TEST], digest, manifest)


def build_digest(train_sha256: str, test_sha256: str) -> str:
    """Return a build's digest from the hex hashes of its two files."""
    return hashlib.sha256(f"train {train_sha256}\ntest {test_sha256}\n".encode()).hexdigest()


def _counted(checked: CheckedDataset, dealt: Split, spec: DatasetSpec) -> dict[str, Any]:
    examples = [
        {
            "id": each.id,
            "blob": each.blob,
            "split": dealt.sides[each.id],
            "tokens": count_example(each, spec.system),
        }
        for each in checked.examples
    ]
    counts = {side: sum(each["split"] == side for each in examples) for side in (TRAIN, TEST)}
    return {
        "counts": {
            "in": checked.found,
            **counts,
            "rejected": checked.rejected,
            "duplicate": len(checked.duplicates),
        },
        "tokens": {
            side: sum(each["tokens"] for each in examples if each["split"] == side)
            for side in (TRAIN, TEST)
        },
        "examples": examples,
    }


def write_build(content: BuildContent, parent: Path, number: int) -> Path:
    """Write the build below `parent` (builds/<dataset>), return its folder.

    A folder that is already there is left as it is.
    Repeatable: a crash at any point leaves either nothing or the whole folder, and leftovers of
    an earlier try are removed. Raises OSError when the disk does not take it.
    """
    folder = parent / f"{number}-{content.digest[:SHORT]}"
    parent.mkdir(parents=True, exist_ok=True)
    # Only the leading daemon builds, so what lies here under this name belongs to a dead one.
    for left in parent.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)
    if folder.is_dir():
        return folder
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=parent))
    try:
        _fill(temporary, content)
        kill_point("build.before_rename")
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_file(parent)
    kill_point("build.after_rename")
    return folder


def builds_on_disk(parent: Path) -> dict[str, int]:
    """Return short digest -> number of the builds whose folders lie in `parent`."""
    names = (folder.name.partition("-") for folder in parent.glob("*-*"))
    return {digest: int(number) for number, _, digest in names if number.isdecimal()}


def remove_folders(
    builds: Path, known: Collection[str], old: Collection[str], before: datetime
) -> int:
    """Remove the `old` builds' folders, and those made before that no build is `known` by.

    Both are relative to `builds`. Returns how many went.
    """
    removed = 0
    for folder in builds.glob("*/*"):
        name = folder.relative_to(builds).as_posix()
        is_left = name not in known and folder.stat().st_mtime < before.timestamp()
        if name in old or is_left:
            shutil.rmtree(folder)
            removed += 1
    return removed


def _fill(folder: Path, content: BuildContent) -> None:
    folder.chmod(0o755)
    files = ((TRAIN_FILE, content.train), (TEST_FILE, content.test))
    for name, written in (*files, (MANIFEST_FILE, _format_manifest(content.manifest).encode())):
        (folder / name).write_bytes(written)
        sync_file(folder / name)
    sync_file(folder)
    kill_point("build.tmp_written")


def _format_manifest(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as JSON, a line an example: of a large dataset it is most of the file."""
    told = {key: value for key, value in manifest.items() if key != "examples"}
    head = json.dumps(told, ensure_ascii=False, indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in manifest["examples"])
    return f'{head},\n "examples": [\n{lines}\n ]\n}}\n'


def read_build(folder: Path, known: str = "") -> BuildContent:
    """Return the build that lies in `folder`, its hashes proven.

    Raises NotFound when it is not there, DatasetError when a byte differs from its manifest, or
    when it is not the build of the digest that is `known`.
    """
    try:
        train, test, told = (
            (folder / name).read_bytes() for name in (TRAIN_FILE, TEST_FILE, MANIFEST_FILE)
        )
    except FileNotFoundError:
        raise NotFound(f"no build in {folder}", "build-not-found", name=folder.name) from None
    try:
        manifest = json.loads(told)
    except ValueError:
        manifest = None
    hashes = {TRAIN: hashlib.sha256(train).hexdigest(), TEST: hashlib.sha256(test).hexdigest()}
    digest = build_digest(hashes[TRAIN], hashes[TEST])
    proven = {"sha256": hashes, "digest": digest}
    is_whole = isinstance(manifest, dict) and manifest.items() >= proven.items()
    if not is_whole or known not in ("", digest):
        raise DatasetError(f"build {folder} is damaged", "build-damaged", name=folder.name)
    return BuildContent(train, test, digest, manifest)
