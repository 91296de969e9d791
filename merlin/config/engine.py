"""The part `engine` of config.yaml: what the engine's settings are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merlin.config.faults import Fault, at
from merlin.core.listening import address_of

OWN_BACKEND = "transformers"
# Part of Merlin itself; no base of the configuration may take its name.
BUILT_IN = "recall"
# What the daemon's table `models` knows of a model too.
SHARED = ("price", "context", "training_example", "sunset")


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What stands under `engine`, judged by the schema.

    Of a model under `models`, `path` is absolute; the key `price` is the daemon's alone. `hearing`
    is the folder of the model that writes speech down, "" for none.
    """

    listen: tuple[str, int] = ("127.0.0.1", 8702)
    credential: str = "MERLIN_ENGINE_KEY"
    pace_s: float = 0.0
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    answering: Mapping[str, Any] = field(default_factory=dict)
    webhooks: Sequence[Mapping[str, Any]] = ()
    hearing: str = ""

    def faults(self) -> Iterator[Fault]:
        """Yield a fault for every base that cannot be meant as it stands."""
        for name, said in self.models.items():
            place = f"engine.models.{name}"
            if name == BUILT_IN:
                yield at(place, "config-base-own")
            if ("path" in said) == ("hub" in said):
                yield at(place, "config-base-place")
            if lack := _backend_lack(said):
                yield at(f"{place}.url", lack, backend=said["backend"])
        if self.training.get("workers", 0) and "cluster" not in self.training:
            yield at("engine.training.cluster", "config-no-cluster")

    def addresses(self) -> Iterator[tuple[str, str]]:
        """Yield the outside addresses that the engine calls, each with its key."""
        for name, said in self.models.items():
            if "url" in said:
                yield f"engine.models.{name}.url", said["url"]
        for number, said in enumerate(self.webhooks):
            yield f"engine.webhooks.{number}.url", said["url"]


def read_engine(said: Mapping[str, Any], base: Path) -> EngineConfig:
    """Return the part `engine` of a configuration; relative paths count from `base`."""
    return EngineConfig(
        listen=address_of(said.get("listen", "127.0.0.1:8702")),
        credential=said.get("credential", "MERLIN_ENGINE_KEY"),
        pace_s=said.get("pace_s", 0.0),
        models={name: _model(each, base) for name, each in said.get("models", {}).items()},
        training=said.get("training", {}),
        answering=said.get("answering", {}),
        webhooks=said.get("webhooks", ()),
        hearing=_placed(said["hearing"]["model"], base) if "hearing" in said else "",
    )


def told_models(said: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the table `models` of a whole configuration, with what `engine.models` adds to it."""
    table: dict[str, Mapping[str, Any]] = dict(said.get("models", {}))
    for name, each in said.get("engine", {}).get("models", {}).items():
        own = {key: each[key] for key in SHARED if key in each}
        table[name] = {**own, **table.get(name, {})}
    return table


def _model(said: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    return {**said, "path": _placed(said["path"], base)} if "path" in said else said


def _placed(path: str, base: Path) -> str:
    return str((base / Path(path).expanduser()).resolve())


def _backend_lack(said: Mapping[str, Any]) -> str:
    """Return the text of what is missing for another server to answer for a base."""
    backend = said.get("backend", OWN_BACKEND)
    if "url" in said or backend == OWN_BACKEND:
        return ""
    if backend == "llama.cpp":
        is_own = str(said.get("path", "")).lower().endswith(".gguf")
        return "" if is_own else "config-no-llama"
    return "config-no-backend"
