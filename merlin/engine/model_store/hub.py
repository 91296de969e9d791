"""Download of a base from the hub: only files that load without code, resumable, verified.

The hub's client handles URLs, tokens, mirrors (HF_ENDPOINT) and offline mode (HF_HUB_OFFLINE). It
restarts a file in each process, so its `http_get`, which can resume, is called here on persistent
files.
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

from merlin.core.durable_files import sha256_of
from merlin.core.errors import Refused
from merlin.engine.model_store.store import Progress

# Subfolders contain other formats of the same weights (onnx, original).
FILE_PATTERNS = (
    "*.safetensors",
    "*.safetensors.index.json",
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
# Without read access the hub does not reveal whether a repository exists.
NO_ACCESS = (401, 403, 404)


# A file on the hub as listed by its client, with a sha256 (large files) or a git blob id.
Sibling = Any


class ProgressBar:
    """Replaces the tqdm bar of the hub's client: shows nothing, reports progress."""

    def __init__(self, file: Sibling, progress: Progress, initial: int = 0, **_theirs: object):
        self._file, self._progress, self._done = file, progress, initial

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_error: object) -> None:
        """Do nothing."""

    def update(self, size: int) -> None:
        """Add downloaded bytes; negative if the server restarted the file."""
        self._done += size
        self._progress(self._file.rfilename, self._done, self._file.size)


def fetch(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """Fill the folder `draft` with the base `source` at `revision`; return commit and licence.

    Raises Refused, and OSError if the write fails.
    """
    source, revision, draft = order["source"], order["revision"], Path(order["draft"])
    try:
        if constants.is_offline_mode():
            return _copy_from_cache(order, draft)
        model_info = HfApi().model_info(source, revision=revision, files_metadata=True)
        _download_all(order, model_info, draft, progress)
    except GatedRepoError as error:
        raise Refused(source, "library-gated", hub=source) from error
    except RepositoryNotFoundError as error:
        raise Refused(source, "library-not-at-hub", hub=source) from error
    except RevisionNotFoundError as error:
        raise Refused(source, "library-no-revision", hub=source, revision=revision) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        key = "library-not-at-hub" if status in NO_ACCESS else "library-hub-refuses"
        raise Refused(source, key, hub=source, status=status) from error
    except httpx2.TransportError as error:
        reason = str(error) or type(error).__name__
        raise Refused(reason, "library-hub-unreachable", reason=reason) from error
    licence = (model_info.card_data or {}).get("license")
    return {"commit": str(model_info.sha), "licence": licence if isinstance(licence, str) else ""}


def _is_wanted(name: str) -> bool:
    return "/" not in name and any(fnmatch(name, pattern) for pattern in FILE_PATTERNS)


def _copy_from_cache(order: Mapping[str, str], draft: Path) -> dict[str, str]:
    """Copy the base from the cache of the hub's client, in offline mode."""
    source = order["source"]
    try:
        folder = Path(
            snapshot_download(source, revision=order["revision"], allow_patterns=[*FILE_PATTERNS])
        )
    except (LocalEntryNotFoundError, FileNotFoundError) as error:
        raise Refused(source, "library-offline", hub=source) from error
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and _is_wanted(name):
            shutil.copyfile(path, draft / name)
    return {"commit": folder.name, "licence": ""}


def _download_all(
    order: Mapping[str, str], model_info: Any, draft: Path, progress: Progress
) -> None:
    source = order["source"]
    requested = [file for file in model_info.siblings or () if _is_wanted(file.rfilename)]
    names = {file.rfilename for file in requested}
    if not any(name.endswith(".safetensors") for name in names):
        raise Refused(source, "library-hub-no-safetensors", hub=source)
    for path in filter(Path.is_file, draft.rglob("*")):
        if str(path.relative_to(draft)).removesuffix(".part") not in names:
            path.unlink()
    for file in requested:
        _download(source, str(model_info.sha), file, draft, progress)


def _download(source: str, commit: str, file: Sibling, draft: Path, progress: Progress) -> None:
    target, part = draft / file.rfilename, draft / f"{file.rfilename}.part"
    # A complete file can be of another commit or source, from an earlier pull that was interrupted.
    if not target.exists() or not _is_intact(target, file):
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
                tqdm_class=partial(ProgressBar, file, progress),
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
