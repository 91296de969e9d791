"""Build: the immutable files of one dataset, named by their content.

    builds/<dataset>/<number>-<digest12>/{train.jsonl, test.jsonl, manifest.json}

The same examples give the same bytes, the same digest and no second build. A folder appears
whole or not at all, whatever happens while it is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from merlin.build import jsonl
from merlin.build.split import TEST, TRAIN, Split, split
from merlin.core.durable import sync
from merlin.core.errors import DatasetError, NotFound
from merlin.core.killpoint import reached
from merlin.dataset.check import FEWEST, Checked
from merlin.dataset.example import Example
from merlin.dataset.spec import DatasetSpec
from merlin.dataset.tokens import count_messages

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


def make(checked: Checked) -> BuildContent:
    """Return the build of a checked dataset.

    Raises DatasetError (keys build-*) when it may not be built: no spec, too few examples, or
    a rejected example in a strict dataset.
    """
    spec = _proven(checked)
    dealt = split(checked.examples, spec.split)
    sides = {
        side: [each for each in checked.examples if dealt.sides[each.id] == side]
        for side in (TRAIN, TEST)
    }
    files = {side: jsonl.lines(examples, spec.system) for side, examples in sides.items()}
    hashes = {side: hashlib.sha256(content).hexdigest() for side, content in files.items()}
    digest = digest_of(hashes[TRAIN], hashes[TEST])
    manifest = {
        "dataset": checked.name,
        "digest": digest,
        "sha256": hashes,
        **_counted(checked, dealt, spec),
        "system": spec.system,
        "recipe": spec.recipe.as_json(),
        "split": _split_told(dealt, spec),
    }
    return BuildContent(files[TRAIN], files[TEST], digest, manifest)


def digest_of(train_sha256: str, test_sha256: str) -> str:
    """Return a build's digest from the hex hashes of its two files."""
    return hashlib.sha256(f"train {train_sha256}\ntest {test_sha256}\n".encode()).hexdigest()


def _proven(checked: Checked) -> DatasetSpec:
    name = checked.name
    if checked.spec is None:
        raise DatasetError(f"{name}: dataset.yaml cannot be used", "build-no-spec", dataset=name)
    good = len(checked.examples)
    if good < FEWEST:
        raise DatasetError(
            f"{name}: {good} good examples", "build-too-few", dataset=name, good=good, fewest=FEWEST
        )
    if not checked.is_buildable:
        rejected = checked.rejected
        raise DatasetError(
            f"{name}: strict, {rejected} rejected", "build-strict", dataset=name, rejected=rejected
        )
    return checked.spec


def _counted(checked: Checked, dealt: Split, spec: DatasetSpec) -> dict[str, Any]:
    examples = [_told(each, dealt.sides[each.id], spec.system) for each in checked.examples]
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


def _told(example: Example, side: str, system: str) -> dict[str, Any]:
    tokens = count_messages(example.with_system(system), example.tools)
    return {"id": example.id, "blob": example.blob, "split": side, "tokens": tokens}


def _split_told(dealt: Split, spec: DatasetSpec) -> dict[str, Any]:
    return {
        "test": spec.split.test,
        "salt": spec.split.salt,
        "min_test": spec.split.min_test,
        "taken_back": dealt.taken_back,
        "has_gate": dealt.has_gate,
    }


def folder_name(number: int, digest: str) -> str:
    """Return the name of a build's folder: `7-0123456789ab`."""
    return f"{number}-{digest[:SHORT]}"


def write(content: BuildContent, parent: Path, number: int) -> Path:
    """Write the build below `parent` (builds/<dataset>), return its folder.

    A folder that is already there is left as it is.
    Repeatable: a crash at any point leaves either nothing or the whole folder, and leftovers of
    an earlier try are removed. Raises OSError when the disk does not take it.
    """
    folder = parent / folder_name(number, content.digest)
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    if folder.is_dir():
        return folder
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=parent))
    try:
        _fill(temporary, content)
        reached("build.before_rename")
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(parent)
    reached("build.after_rename")
    return folder


def _sweep(parent: Path) -> None:
    # Only the leading daemon builds, so what lies here under this name belongs to a dead one.
    for left in parent.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)


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
    manifest = json.dumps(content.manifest, ensure_ascii=False, indent=1) + "\n"
    files = ((TRAIN_FILE, content.train), (TEST_FILE, content.test))
    for name, written in (*files, (MANIFEST_FILE, manifest.encode())):
        (folder / name).write_bytes(written)
        sync(folder / name)
    sync(folder)
    reached("build.tmp_written")


def read_build(folder: Path) -> BuildContent:
    """Return the build that lies in `folder`, its hashes proven.

    Raises NotFound when it is not there, DatasetError when a byte differs from its manifest.
    """
    try:
        train, test, told = (
            (folder / name).read_bytes() for name in (TRAIN_FILE, TEST_FILE, MANIFEST_FILE)
        )
        manifest = _manifest(told)
    except FileNotFoundError:
        raise NotFound(f"no build in {folder}", "build-not-found", name=folder.name) from None
    except ValueError:
        raise _damaged(folder) from None
    hashes = {TRAIN: hashlib.sha256(train).hexdigest(), TEST: hashlib.sha256(test).hexdigest()}
    digest = digest_of(hashes[TRAIN], hashes[TEST])
    if (manifest.get("sha256"), manifest.get("digest")) != (hashes, digest):
        raise _damaged(folder)
    return BuildContent(train, test, digest, manifest)


def _manifest(told: bytes) -> dict[str, Any]:
    manifest = json.loads(told)
    if not isinstance(manifest, dict):
        raise ValueError("a manifest is a map")  # noqa: TRY004 - as broken as broken JSON
    return manifest


def _damaged(folder: Path) -> DatasetError:
    return DatasetError(f"build {folder} is damaged", "build-damaged", name=folder.name)
