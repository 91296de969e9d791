"""`merlin engine pull`: a base from the hub, by huggingface_hub's own client.

The command alone imports this: neither the engine nor another process loads that client.
"""

import os
from fnmatch import fnmatch
from pathlib import Path

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import is_disk_full, remove_durably, rename_durably
from merlin.core.errors import Refused
from merlin.engine.model_store import (
    LIBRARY,
    ModelCard,
    check_files,
    get_base_folder,
    is_in_place,
    is_same_source,
    read_card,
    require_no_dependents,
    write_card,
)

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


def pull(name: str, model: EngineModelConfig, engine: Path) -> bool:
    """Download a base into the engine's library; return whether anything was downloaded.

    The whole files of an interrupted call are kept for the next. A damaged base is downloaded again
    at its old commit, on which tuned models depend. Raises Refused with a message that says what to
    do.
    """
    root = engine / LIBRARY
    folder = get_base_folder(name, model, root)
    if is_in_place(model):
        check_files(folder)
        return False
    card, revision = read_card(folder), model.revision
    if card is not None and is_same_source(model, card):
        try:
            check_files(folder)
        except Refused:
            revision = card.commit
        else:
            return False
    elif card is not None:
        require_no_dependents(name, engine, "library-source-in-use")
    try:
        _install(name, model, root, revision)
    except OSError as error:
        if not is_disk_full(error):
            raise
        _remove_drafts(name, root)
        raise Refused(str(error), "library-disk-full") from error
    return True


def _install(name: str, model: EngineModelConfig, root: Path, revision: str) -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import httpx2  # noqa: PLC0415 - the extra's, and slow to import
        from huggingface_hub import errors  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise Refused(str(error), "library-no-extra", package=error.name or "") from error

    source = model.source
    try:
        draft, card = _download(name, model, root, revision)
    except errors.GatedRepoError as error:
        raise Refused(source, "library-gated", hub=source) from error
    except errors.RepositoryNotFoundError as error:
        raise Refused(source, "library-not-at-hub", hub=source) from error
    except errors.RevisionNotFoundError as error:
        raise Refused(source, "library-no-revision", hub=source, revision=revision) from error
    except errors.OfflineModeIsEnabled as error:
        raise Refused(source, "library-offline", hub=source) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        key = "library-not-at-hub" if status in NO_ACCESS else "library-hub-refuses"
        raise Refused(source, key, hub=source, status=status) from error
    except (httpx2.TransportError, errors.LocalEntryNotFoundError) as error:
        reason = str(error) or type(error).__name__
        raise Refused(reason, "library-hub-unreachable", reason=reason) from error
    check_files(draft)
    write_card(card, draft)
    remove_durably(root / name)
    rename_durably(draft, root / name)
    _remove_drafts(name, root)


def _download(
    name: str, model: EngineModelConfig, root: Path, revision: str
) -> tuple[Path, ModelCard]:
    """Download one commit into a draft folder of its own, where whole files are kept."""
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - as above

    info = HfApi().model_info(model.source, revision=revision)
    wanted = [file.rfilename for file in info.siblings or () if _is_wanted(file.rfilename)]
    if not any(file.endswith(".safetensors") for file in wanted):
        raise Refused(model.source, "library-hub-no-safetensors", hub=model.source)
    draft = root / f".{name}-{info.sha}"
    snapshot_download(model.source, revision=info.sha, local_dir=draft, allow_patterns=wanted)
    remove_durably(draft / ".cache")
    return draft, ModelCard(model.source, model.revision, str(info.sha))


def _is_wanted(name: str) -> bool:
    return "/" not in name and any(fnmatch(name, pattern) for pattern in FILE_PATTERNS)


def _remove_drafts(name: str, root: Path) -> None:
    for draft in root.glob(f".{name}-*"):
        remove_durably(draft)
