"""A base fetched from the hub: only what loads without code, resumed where it broke off, verified.

The hub's client answers for addresses, tokens, mirrors (HF_ENDPOINT) and working offline
(HF_HUB_OFFLINE). It begins a file anew in each process, so its own `http_get`, which resumes, is
called here on files that outlive us.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from merlin.core.durable_files import folder_bytes, sha256_of
from merlin.core.errors import Refused
from merlin.engine.encoder_files import ONNX, POOLING
from merlin.engine.model_store.store import Progress

# Weights by their form. In a folder below lies another form of the same weights (onnx, original)
# but for the names here; how an encoder pools lies there as well.
WEIGHTS = {
    "safetensors": ("*.safetensors", "*.safetensors.index.json"),
    "onnx": (*ONNX, "onnx/model.onnx_data", "model.onnx_data"),
}
WANTED = (
    POOLING,
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "LICENSE*",
    "README.md",
)
# Without a token that may read it, the hub does not even tell that a repository exists.
NOT_YOURS = (401, 403, 404)
# What is not the model's weights fits into this; a fetch that leaves less would end in trouble.
SPARE = 100_000_000


# A file at the hub as its client knows it; of a large one the sha256, of a small one git's own sum.
Sibling = Any


class Bar:
    """Stands where the hub's client wants tqdm's bar: shows nothing, sends progress."""

    def __init__(self, file: Sibling, progress: Progress, initial: int = 0, **_theirs: object):
        self._file, self._progress, self._done = file, progress, initial

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing was opened."""

    def update(self, size: int) -> None:
        """Count some bytes more; less than none where the server began anew."""
        self._done += size
        self._progress(self._file.rfilename, self._done, self._file.size)


def fetch(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """Fill the folder `draft` with the base `source` at `revision`; return commit and licence.

    Raises Refused, OSError when the disk refuses.
    """
    source, revision, draft = order["source"], order["revision"], Path(order["draft"])
    try:
        if constants.is_offline_mode():
            return _out_of_the_cache(order, draft)
        found = HfApi().model_info(source, revision=revision, files_metadata=True)
        _fill(order, found, draft, progress)
    except GatedRepoError as error:
        raise Refused(source, "library-gated", hub=source) from error
    except RepositoryNotFoundError as error:
        raise Refused(source, "library-not-at-hub", hub=source) from error
    except RevisionNotFoundError as error:
        raise Refused(source, "library-no-revision", hub=source, revision=revision) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        key = "library-not-at-hub" if status in NOT_YOURS else "library-hub-refuses"
        raise Refused(source, key, hub=source, status=status) from error
    except httpx2.TransportError as error:
        reason = str(error) or type(error).__name__
        raise Refused(reason, "library-hub-away", reason=reason) from error
    licence = (found.card_data or {}).get("license")
    return {"commit": str(found.sha), "licence": licence if isinstance(licence, str) else ""}


def _is_wanted(name: str, form: str) -> bool:
    patterns = (*WEIGHTS[form], *WANTED)
    return name in patterns or ("/" not in name and any(fnmatch(name, one) for one in patterns))


def _out_of_the_cache(order: Mapping[str, str], draft: Path) -> dict[str, str]:
    """Copy what the hub's client has fetched for others, where the network may not be asked."""
    source, form = order["source"], order["form"]
    requested = [*WEIGHTS[form], *WANTED]
    try:
        folder = Path(
            snapshot_download(source, revision=order["revision"], allow_patterns=requested)
        )
    except (LocalEntryNotFoundError, FileNotFoundError) as error:
        raise Refused(source, "library-offline", hub=source) from error
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and _is_wanted(name, form):
            (draft / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, draft / name)
    return {"commit": folder.name, "licence": ""}


def _fill(order: Mapping[str, str], found: Any, draft: Path, progress: Progress) -> None:
    source, form = order["source"], order["form"]
    requested = [file for file in found.siblings or () if _is_wanted(file.rfilename, form)]
    names = {file.rfilename for file in requested}
    if not any(name.endswith(f".{form}") for name in names):
        raise Refused(source, f"library-hub-no-{form}", hub=source)
    for path in filter(Path.is_file, draft.rglob("*")):
        if str(path.relative_to(draft)).removesuffix(".part") not in names:
            path.unlink()
    here, free = folder_bytes(draft), shutil.disk_usage(draft).free
    needed = sum(file.size or 0 for file in requested) - here + SPARE
    if needed > free:
        sizes = {"needed": round(needed / 1e9, 1), "free": round(free / 1e9, 1)}
        raise Refused("no room", "library-no-room", **sizes)
    for file in requested:
        _bring(source, str(found.sha), file, draft, progress)


def _bring(source: str, commit: str, file: Sibling, draft: Path, progress: Progress) -> None:
    target, part = draft / file.rfilename, draft / f"{file.rfilename}.part"
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        size = part.stat().st_size if part.exists() else 0
        if size > file.size:
            part.unlink()
            size = 0
        with part.open("ab") as out:
            http_get(
                hf_hub_url(source, file.rfilename, revision=commit),
                out,
                resume_size=size,
                headers=build_hf_headers(),
                expected_size=file.size,
                tqdm_class=partial(Bar, file, progress),
            )
        if not _is_intact(part, file):
            part.unlink()
            raise Refused(file.rfilename, "library-wrong-checksum", file=file.rfilename)
        part.rename(target)
    progress(file.rfilename, file.size, file.size)


def _is_intact(path: Path, file: Sibling) -> bool:
    if path.stat().st_size != file.size:
        return False
    if file.lfs:
        return bool(sha256_of(path) == file.lfs.sha256)
    # Source: git-hash-object(1): a blob's name is the sha1 of a header and its bytes.
    header = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as content:
        return file.blob_id in (None, hashlib.file_digest(content, lambda: header).hexdigest())
