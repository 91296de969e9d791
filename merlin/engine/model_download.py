"""`merlin engine pull`: a base from the hub, by huggingface_hub's own client.

The command alone imports this: neither the engine nor another process loads that client.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import rename_durably
from merlin.core.errors import Refused
from merlin.core.json_fields import read_json_object
from merlin.engine.architectures import describe_unknown, find_architecture
from merlin.engine.chat_template import find_template_fault
from merlin.engine.model_store import TOKENIZER_PATTERNS, find_fault
from merlin.engine.trainers.lora.trainer import find_missing_packages

FILE_PATTERNS = [
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    *TOKENIZER_PATTERNS,
    "LICENSE*",
    "README.md",
]
# Other formats of the same weights (onnx, original).
SUBFOLDERS = "*/*"


def pull(model: EngineModelConfig, engine: Path) -> bool:
    """Download a base into the engine's folder; return whether anything was downloaded.

    What an interrupted call has downloaded is kept for the next. Raises Refused with a message that
    says what to do.
    """
    folder = model.locate(engine)
    if model.path or folder.is_dir():
        _check(folder)
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _convert_errors(model):
        draft = _download(model, folder)
    _check(draft)
    rename_durably(draft, folder)
    return True


def require_extra() -> None:
    """Raise Refused that says what to install where no language model can be trained or asked."""
    if missing := find_missing_packages():
        raise Refused(missing[0], "library-no-extra", package=missing[0])


def _check(folder: Path) -> None:
    if fault := find_fault(folder):
        raise Refused(f"{folder}: {fault}", fault, folder=str(folder))
    _check_class(folder)
    if find_spec("transformers") is None:  # on a machine that only copies the base
        return
    from merlin.engine.tokenizer_loading import load_tokenizer  # noqa: PLC0415 - the extra's

    try:
        template_fault = find_template_fault(load_tokenizer(folder))
    except (OSError, ValueError, KeyError) as error:
        template_fault = "engine-lora-damaged", str(error)
    if template_fault:
        key, detail = template_fault
        raise Refused(
            key, key, name=folder.name.strip("."), detail=detail, reason=detail
        )


def _check_class(folder: Path) -> None:
    """Raise Refused if a base's configuration names a class that cannot be trained."""
    is_readable = bool(read_json_object(folder / "config.json"))
    if is_readable and find_architecture(folder) is None:
        arguments = describe_unknown(folder)
        raise Refused(
            f"{folder}: {arguments['kind']}", "engine-base-unknown", **arguments
        )


def _download(model: EngineModelConfig, folder: Path) -> Path:
    """Download the revision's commit into a folder beside `folder`, in which it resumes."""
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - the extra's, slow

    # Without a commit, the client takes what a folder holds for whole when it sees no hub.
    commit = HfApi().model_info(model.hub, revision=model.revision).sha
    draft = folder.with_name(f".{folder.name}")
    # The configuration comes first: the weights of a class that is refused may be 60 GB.
    for patterns in (["config.json"], FILE_PATTERNS):
        snapshot_download(
            model.hub,
            revision=commit,
            local_dir=draft,
            allow_patterns=patterns,
            ignore_patterns=SUBFOLDERS,
        )
        _check_class(draft)
    return draft


@contextmanager
def _convert_errors(model: EngineModelConfig) -> Iterator[None]:
    """Convert what the client raises about the hub into Refused."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import httpx2  # noqa: PLC0415 - the extra's, and slow to import
        from huggingface_hub import errors  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise Refused(
            str(error), "library-no-extra", package=error.name or ""
        ) from error
    try:
        yield
    except errors.GatedRepoError as error:
        raise Refused(model.hub, "library-gated", hub=model.hub) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise Refused(
            model.hub, "library-not-at-hub", hub=model.hub, revision=model.revision
        ) from error
    except (OSError, httpx2.TransportError) as error:
        if isinstance(error, OSError) and error.errno:  # of our own disk
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise Refused(reason, "library-hub-unreachable", reason=reason) from error
