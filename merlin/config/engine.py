"""The section `engine` of config.yaml: what it serves and trains, its limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from merlin.config.faults import Wrong, wrong_at
from merlin.config.section import (
    Branch,
    Device,
    Listen,
    Many,
    Opt,
    Placed,
    Program,
    Section,
    Tokens,
    address_of,
    setting,
)
from merlin.config.settings import TlsConfig

# The base that is part of Merlin itself; no base of the configuration may take its name.
RECALL = "recall"
# The folder of downloads in the engine's folder.
LIBRARY = "bases"

EngineModelName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["qwen3-0.6b"])
]


class EngineModelConfig(Section):
    """One base model, by its name; `merlin engine pull` downloads its files.

    It costs nothing, unless `models` has a price for it.
    """

    path: Placed = setting(
        "A folder with `config.json`, safetensors and tokenizer; either this or `hub`. A"
        " relative path starts from this file's folder.",
        "bases/SmolLM2-135M-Instruct",
        default_factory=str,
    )
    hub: str = setting(
        "Its name on the Hugging Face hub, or on the server that `HF_ENDPOINT` names:"
        " `owner/name`.",
        "Qwen/Qwen3-0.6B",
        default_factory=str,
        pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$",
    )
    revision: Branch = setting(
        "Branch, tag or commit there; only a commit never moves.", default="main"
    )
    context: Opt[Tokens] = setting(
        "Tokens of a whole conversation. Default as its files say.", 8192, default=None
    )
    training_example: Opt[Tokens] = setting(
        "Tokens of one training example. Default its window.", 2048, default=None
    )
    dtype: Literal["auto", "float32", "bfloat16"] = setting(
        "Type of its weights: `float32`, `bfloat16`, or `auto`: bfloat16 on `cuda`, else"
        " float32. GPUs older than Ampere need `float32`.",
        default="auto",
    )
    quantised: Literal["none", "8bit", "4bit"] = setting(
        "`8bit` or `4bit`: weights quantised in memory, in training and answers; on an NVIDIA"
        " GPU, with the package bitsandbytes.",
        default="none",
    )

    @property
    def source(self) -> str:
        """Return where it comes from: a folder, or a hub id."""
        return self.path or self.hub

    def locate(self, engine: Path) -> Path:
        """Return the folder of its files, which need not exist; downloads are the engine's."""
        if self.path:
            return Path(self.path)
        return engine / LIBRARY / f"{self.hub}@{self.revision}".replace("/", "--")


def select_dtype(name: str, device: str) -> str:
    """Return the dtype of a base's weights on a device: "float32" or "bfloat16".

    One rule for training and for all that answer, one of which (vLLM) knows no other than its own:
    by itself it takes the dtype in which the weights were saved.
    """
    if name == "auto":
        return "bfloat16" if device.startswith("cuda") else "float32"
    return name


class EngineTrainingConfig(Section):
    """Where language models are trained."""

    device: Device = setting(
        "It runs one job at a time: `cpu`, `cuda:0`, `mps`.", default="cpu"
    )


class EngineAnsweringConfig(Section):
    """How language models answer."""

    device: Device = setting("Where: `cpu`, `cuda:0`, `mps`.", default="cpu")
    vllm: Many[str] = setting(
        "Further options of `vllm serve`.", ["--tensor-parallel-size", "2"], default=()
    )
    vllm_command: Program = setting(
        "vLLM's program, in an environment of its own. A name is looked for beside the engine's"
        " Python and in PATH.",
        "/opt/vllm/bin/vllm",
        default="vllm",
    )


class EngineConfig(Section):
    """Merlin's own server of the protocol. Its callers send the credential MERLIN_ENGINE_KEY."""

    listen: Listen = setting(
        "host:port. `merlin run` starts an engine when a provider points at it.",
        default="127.0.0.1:8702",
    )
    tls: Opt[TlsConfig] = None
    models: Mapping[EngineModelName, EngineModelConfig] = setting(
        "Language models that can be tuned and asked, by the name in recipes and calls;"
        " `recall` is always there.",
        default_factory=dict,
    )
    serving: Literal["transformers", "vllm"] = setting(
        "What answers for language models: `transformers`, one question after another, or `vllm`"
        " for many people on a GPU, which the engine starts.",
        "vllm",
        default="transformers",
    )
    training: EngineTrainingConfig = EngineTrainingConfig()
    answering: EngineAnsweringConfig = EngineAnsweringConfig()

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        return address_of(self.listen)


def engine_faults(engine: EngineConfig) -> Iterator[Wrong]:
    """Yield what several keys of the engine cannot mean together."""
    for name, base in engine.models.items():
        steps = ("engine", "models", name)
        if name == RECALL:
            yield wrong_at(*steps, key="config-base-own")
        if bool(base.path) == bool(base.hub):
            yield wrong_at(*steps, key="config-base-place")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What one engine runs with, filled in by wiring: its folder, its address, who may call.

    `key` is the bearer key of every /v1 call.
    `language` is that of "I do not know" and of what a trainer remarks; the protocol's own words
    are English. `models` are the bases by name. `tls` is its certificate, None: it speaks plain
    HTTP. An uploaded file has at most `max_file_bytes`.
    """

    folder: Path
    host: str
    port: int
    key: str = field(repr=False)
    language: str = "ru"
    models: Mapping[str, EngineModelConfig] = field(default_factory=dict)
    serving: Literal["transformers", "vllm"] = "transformers"
    training: EngineTrainingConfig = field(default_factory=EngineTrainingConfig)
    answering: EngineAnsweringConfig = field(default_factory=EngineAnsweringConfig)
    tls: TlsConfig | None = None
    max_file_bytes: int = 512 * 1024**2
