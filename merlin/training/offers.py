"""What training a build would cost and take at each provider, and whether this machine can.

Minutes come from finished jobs of the same provider and base. Memory is the rule of thumb of
docs/en/bases.md.
"""

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from peewee import Select

from merlin.config import Config, is_engine
from merlin.config.engine import RECALL, EngineModelConfig
from merlin.core.clock import from_iso
from merlin.core.json_fields import read_json_object
from merlin.core.views import described
from merlin.dataset.builds import Build
from merlin.dataset.spec import Recipe
from merlin.db.database import Database
from merlin.db.tables import BUILD, JOB
from merlin.db.values import load_json
from merlin.training.jobs import JobState
from merlin.training.policy import count_epochs, estimate

# Older jobs may have run on another machine.
_MAX_JOBS = 200
_GB = 1e9
# Bytes of a parameter: quantised as bitsandbytes does; a CPU trains in float32.
_QUANTISED_BYTES = {"8bit": 1.1, "4bit": 0.6}
_DTYPE_BYTES = {"float32": 4.0, "bfloat16": 2.0}
_ASK_S = 10
# A provider and a base there.
Place = tuple[str, str]
# Whether this machine has the memory that a training needs; `elsewhere`: a provider trains.
Fit = Literal["yes", "no", "unknown", "elsewhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One base at one provider; amounts in millionths of `currency`."""

    provider: str
    base_model: str
    is_chosen: bool = described("Whether the recipe names it.")
    fits: Fit = described(
        "Whether this machine has the memory; `elsewhere`: a provider trains."
    )
    needed_gb: float | None = described(
        "Memory by rule of thumb; null if it is not known."
    )
    seconds: int | None = described("By finished jobs of this base; null without any.")
    cost_micro: int | None = described("Estimated cost; null if the price is unknown.")
    currency: str
    seen_by: str = described(
        'Host that gets the examples; "" if they stay on this machine.'
    )


def list_offers(
    db: Database, config: Config, build: Build, recipe: Recipe
) -> list[Offer]:
    """Return what each provider offers for a recipe on a build; the recipe's own comes first."""
    speeds = _measure_speeds(db)
    places = dict.fromkeys(
        [(recipe.provider, recipe.base_model), *_list_bases(config), *speeds]
    )
    tokens = build.train_tokens * count_epochs(build.train, recipe.hyperparameters)
    offers = []
    for provider, base in places:
        seller = config.provider(provider)
        speed = speeds.get((provider, base))
        if seller is None:
            continue
        price = config.price(provider, base)
        is_here = is_engine(config, seller)
        fits, needed_gb = _find_fit(config, base) if is_here else ("elsewhere", None)
        offers.append(
            Offer(
                provider=provider,
                base_model=base,
                is_chosen=(provider, base) == (recipe.provider, recipe.base_model),
                fits=fits,
                needed_gb=needed_gb,
                seconds=round(tokens / speed) if speed else None,
                cost_micro=estimate(price, build, recipe.hyperparameters)
                if price
                else None,
                currency=price.currency if price else "USD",
                seen_by="" if is_here else str(urlsplit(seller.base_url).hostname),
            )
        )
    return offers


def _list_bases(config: Config) -> Iterator[Place]:
    """Yield the bases of our own engine, and those with a price of training at a provider."""
    for provider in config.providers:
        if is_engine(config, provider):
            yield from (
                (provider.name, base) for base in (RECALL, *config.engine.models)
            )
        priced = (base for base, price in provider.prices.items() if price.training)
        yield from ((provider.name, base) for base in priced)


def _measure_speeds(db: Database) -> Mapping[Place, float]:
    """Return the tokens a second of the newest finished jobs, by provider and base.

    Tokens as in the estimate: those of the build in all epochs, from the launch to the end.
    """
    tokens = defaultdict[Place, float](float)
    seconds = defaultdict[Place, float](float)
    for row in db.rows(_finished_jobs()):
        recipe = load_json(row.recipe)
        place = row.provider, recipe["base_model"]
        epochs = count_epochs(row.train, recipe["hyperparameters"])
        tokens[place] += row.train_tokens * epochs
        took = from_iso(row.updated_at) - from_iso(row.created_at)
        seconds[place] += max(1.0, took.total_seconds())
    return {place: tokens[place] / seconds[place] for place in tokens if tokens[place]}


def _finished_jobs() -> Select:
    jobs = JOB.select(
        JOB.provider,
        JOB.recipe,
        JOB.created_at,
        JOB.updated_at,
        BUILD.train,
        BUILD.train_tokens,
    ).join(BUILD, on=(BUILD.id == JOB.build_id))
    finished = jobs.where(JOB.state == JobState.SUCCEEDED.value)
    return finished.order_by(JOB.id.desc()).limit(_MAX_JOBS)


def _read_memory_gb(device: str) -> float | None:
    """Return the memory of a device, None for a GPU that its driver's own program cannot see."""
    if not device.startswith("cuda"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = ("--query-gpu=memory.total", "--format=csv,noheader,nounits")
    command = [program, *query, f"--id={device.partition(':')[2] or 0}"]
    answer = subprocess.run(  # noqa: S603 - our own words
        command, capture_output=True, text=True, timeout=_ASK_S, check=False
    )
    is_number = answer.returncode == 0 and answer.stdout.strip().isdigit()
    return int(answer.stdout) * 1024**2 / _GB if is_number else None


def _find_fit(
    config: Config,
    base: str,
    read_memory_gb: Callable[[str], float | None] = _read_memory_gb,
) -> tuple[Fit, float | None]:
    """Return whether our engine's machine, which is this one, has the memory, and how much."""
    model = config.engine.models.get(base)
    device = config.engine.training.device
    if model is None:
        return ("yes" if base == RECALL else "unknown"), None
    folder = model.locate(config.state_dir / "engine")
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    total_gb = read_memory_gb(device)
    if not stored:
        return "unknown", None
    needed_gb = (
        stored / _stored_bytes(folder) * _held_bytes(model, device) * 1.25 / _GB + 1.5
    )
    if total_gb is None:
        return "unknown", needed_gb
    return ("yes" if needed_gb <= total_gb else "no"), needed_gb


def _stored_bytes(folder: Path) -> float:
    """Return the bytes of a parameter in the files; nearly all are published in 16 bits."""
    settings = read_json_object(folder / "config.json")
    return _DTYPE_BYTES.get(
        str(settings.get("dtype") or settings.get("torch_dtype")), 2.0
    )


def _held_bytes(model: EngineModelConfig, device: str) -> float:
    automatic = 2.0 if device.startswith("cuda") else 4.0
    dtype = _DTYPE_BYTES.get(model.dtype, automatic)
    return _QUANTISED_BYTES.get(model.quantised, dtype)
