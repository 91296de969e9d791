"""Adapters that were trained elsewhere: from a folder to a job of our own engine.

    adapters/<digest>/{adapter_config.json, adapter_model.safetensors}   beside the builds' folder

The job trains nothing: the engine checks the adapter and proves it by taught answers of the build
(merlin.engine.trainers.lora.worker.arriving). Its model is tested, gated and promoted as any other,
at the newest commit of that build. The copy is kept until the engine has it.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from merlin.config import is_our_engine
from merlin.config.engine import RECALL
from merlin.core.durable_files import is_abandoned, set_aside, sha256_of, write_durably
from merlin.core.errors import NotFound, Refused
from merlin.dataset.builds import SHORT_DIGEST_LENGTH, match_version
from merlin.dataset.spec import ADAPTER, Hyperparameter, Recipe
from merlin.dataset.verdicts import (
    CHANGES_DATASET,
    ON_BRANCH,
    Verdict,
    VerdictStatus,
    require_present_dataset,
    select_verdicts,
    verdict_from_row,
)
from merlin.db.database import Database
from merlin.db.tables import BUILD, SERVING, VERDICT
from merlin.training.jobs import Job, Jobs, JobState, launch_key
from merlin.training.launch_plan import Launches, spec_of
from merlin.training.models import BUILD_NAME

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# As much as the engine takes in one upload.
MAX_WEIGHTS_BYTES = 512 * 1024 * 1024
MAX_CONFIG_BYTES = 200_000
_EXACT_FIRST = "exact_first"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An adapter to add; `build` is what it was trained on, "" if unknown.

    `provider` and `base_model` are "" for those of the dataset's recipe.
    """

    dataset: str
    digest: str
    build: str = ""
    provider: str = ""
    base_model: str = ""


def get_adapter_folder(builds: Path, digest: str) -> Path:
    """Return the folder of an adapter's copy; `builds` is the builds' folder."""
    return builds.parent / "adapters" / digest


def keep_adapter(builds: Path, folder: Path) -> str:
    """Copy an adapter beside the builds; return its digest.

    Only the two files of PEFT's layout are read. Raises Refused if one is missing or too large,
    OSError if the disk refuses.
    """
    config = folder / CONFIG
    weights = folder / WEIGHTS
    if not config.is_file():
        raise Refused(f"{folder} is no adapter", "add-no-adapter", folder=str(folder))
    if not weights.is_file():
        is_pickled = any(folder.glob("adapter_model*.bin"))
        key = "add-pickled" if is_pickled else "add-no-adapter"
        raise Refused(f"{folder} has no {WEIGHTS}", key, folder=str(folder))
    for path, most in ((config, MAX_CONFIG_BYTES), (weights, MAX_WEIGHTS_BYTES)):
        if path.stat().st_size > most:
            named = {"file": path.name, "most": most // 1024**2 or 1}
            raise Refused(f"{path} is too large", "add-too-large", **named)
    hashes = f"{sha256_of(config)} {sha256_of(weights)}"
    digest = hashlib.sha256(hashes.encode()).hexdigest()
    target = get_adapter_folder(builds, digest)
    if not target.is_dir():
        write_durably(target, partial(_copy, (config, weights)))
    return digest


def _copy(paths: tuple[Path, ...], to: Path) -> None:
    to.mkdir(exist_ok=True)
    for path in paths:
        shutil.copyfile(path, to / path.name)


def launch_arrival(launches: Launches, arrival: Arrival) -> Job:
    """Start the job that checks and proves an adapter; the same one again returns the same job.

    Raises NotFound for an unknown build; Refused if consent to it was withdrawn, if a newer one is
    live or its training is under way, or if the provider has its maximum of unfinished jobs.
    """
    verdict = _find_verdict(launches.db, arrival)
    job, key = _plan(launches, verdict, arrival)
    known = launches.find_newest_attempt(key)
    if known is not None and known.state is not JobState.FAILED:
        return known
    if known is not None:
        job = replace(
            job,
            attempt=known.attempt + 1,
            launch_key=launch_key(key, known.attempt + 1),
        )
    if launches.is_revoked(verdict):
        raise Refused("consent was withdrawn", "held-revoked")
    _require_engine(launches, job)
    started = launches.start(replace(verdict, training_key=key), job, ())
    if started is None:
        raise Refused("another job is under way", "add-busy", dataset=arrival.dataset)
    return started


def _require_engine(launches: Launches, job: Job) -> None:
    """Raise Refused unless a job is for a language model of our engine."""
    config = launches.config
    base = job.recipe.base_model
    if not is_our_engine(config, config.provider(job.provider)) or base in ("", RECALL):
        name = f"{job.provider}/{base}"
        raise Refused(f"{name} is no base of the engine", "add-not-engine", base=name)


def _find_verdict(db: Database, arrival: Arrival) -> Verdict:
    """Return the newest verdict of a build, or of the dataset's newest build."""
    require_present_dataset(db, arrival.dataset)
    query = select_verdicts().where(VERDICT.dataset == arrival.dataset)
    query = query.where(
        ON_BRANCH & CHANGES_DATASET & VERDICT.build_id.is_null(is_null=False)
    )
    if arrival.build:
        is_named = match_version(arrival.build) & (BUILD.dataset == arrival.dataset)
        query = query.where(
            VERDICT.build_id.in_(BUILD.select(BUILD.id).where(is_named))
        )
    named = {"dataset": arrival.dataset, "build": arrival.build or "none"}
    missing = NotFound(f"no build {arrival.build}", "add-no-build", **named)
    row = db.get_row(query.order_by(VERDICT.position.desc()), missing)
    verdict = verdict_from_row(row)
    live = db.value(
        SERVING.select(SERVING.position).where(SERVING.dataset == arrival.dataset)
    )
    if verdict.status is VerdictStatus.SUPERSEDED and (live or 0) > (
        verdict.position or 0
    ):
        raise Refused("a newer build is live", "add-old-build", **named)
    return verdict


def _plan(launches: Launches, verdict: Verdict, arrival: Arrival) -> tuple[Job, str]:
    """Return the job without a number, and the key of its training."""
    assert verdict.build_id is not None  # noqa: S101 - it was searched for
    own = spec_of(verdict).recipe
    now = launches.clock()
    settings: dict[str, Hyperparameter] = {
        ADAPTER: arrival.digest,
        BUILD_NAME: arrival.build,
        "form": own.method,
    }
    if _EXACT_FIRST in own.hyperparameters:
        settings[_EXACT_FIRST] = own.hyperparameters[_EXACT_FIRST]
    recipe = Recipe(
        provider=arrival.provider or own.provider,
        base_model=arrival.base_model or own.base_model,
        method=ADAPTER,
        hyperparameters=settings,
        suffix=own.suffix,
    )
    text = (
        f"{verdict.training_key} {recipe.provider} {recipe.base_model} {arrival.digest}"
    )
    key = hashlib.sha256(text.encode()).hexdigest()
    job = Job(
        job_id=0,
        launch_key=launch_key(key, 1),
        dataset=verdict.dataset,
        build_id=verdict.build_id,
        provider=recipe.provider,
        recipe=recipe,
        attempt=1,
        state=JobState.LAUNCHING,
        created_at=now,
        updated_at=now,
    )
    return job, key


def name_weights(job: Job) -> str:
    """Return the name of an adapter's upload at the provider; it identifies the bytes."""
    digest = str(job.recipe.hyperparameters[ADAPTER])
    return f"merlin-{job.dataset}-{digest[:SHORT_DIGEST_LENGTH]}.safetensors"


def build_settings(job: Job, builds: Path, file_id: str) -> dict[str, object]:
    """Return what the engine is told of an adapter whose weights it has as a file.

    Raises NotFound if the copy is gone.
    """
    kept = job.recipe.hyperparameters
    settings = {name: kept[name] for name in ("form", _EXACT_FIRST) if name in kept}
    config = require_copy(job, builds) / CONFIG
    return {**settings, "weights": file_id, "config": config.read_text("utf-8")}


def require_copy(job: Job, builds: Path) -> Path:
    """Return the folder of an adapter's copy. Raises NotFound if it is gone."""
    folder = get_adapter_folder(builds, str(job.recipe.hyperparameters[ADAPTER]))
    if not folder.is_dir():
        raise NotFound(f"{folder} is gone", "add-gone", job=job.job_id)
    return folder


def remove_copies(db: Database, builds: Path) -> None:
    """Set the copies aside that no unfinished job needs, a day after they came."""
    needed = {
        get_adapter_folder(builds, str(job.recipe.hyperparameters[ADAPTER]))
        for job in Jobs(db).open_jobs()
        if job.recipe.method == ADAPTER
    }
    copies = get_adapter_folder(builds, "").glob("*")
    set_aside(builds.parent, filter(is_abandoned, copies), needed)
