"""`python -m merlin.engine.model_store.worker`: the process that pulls one base.

Of the model store only this process loads torch or the hub's client. It reads one request, sends
progress and then the result. A .gguf file is converted to a trainable folder: weights as
safetensors, and the tokenizer. Source: transformers' guide "GGUF and interaction with
Transformers"; in addition, the quantisation config, which no longer applies, is removed, and tied
weights are not written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merlin.core.durable_files import is_disk_full
from merlin.core.errors import Refused
from merlin.core.memory import without_garbage_collection
from merlin.engine.child_process import EnginePipe
from merlin.engine.model_store.store import DISK_FULL, Progress

STAGES = ("tokenizer", "weights", "writing")
# Larger quantised weights, in bytes, would take too much memory and disk when dequantised.
LARGE_BYTES = 10**9


def convert(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """Convert the file `source` into the folder `draft`; return an empty result.

    Raises Refused if the file is not a supported model, OSError if the write fails.
    """
    # Reported before these imports, which take seconds; a pull from the hub needs none of them.
    _report_stage(progress, "tokenizer")
    with without_garbage_collection():
        import torch  # noqa: PLC0415
        import transformers.modeling_utils  # noqa: F401, PLC0415 - else imported with the model
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    source, draft = Path(order["source"]), Path(order["draft"])
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        _report_stage(progress, "weights")
        dtype = torch.bfloat16 if source.stat().st_size > LARGE_BYTES else torch.float32
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=dtype
        )
    except (MemoryError, ModuleNotFoundError):
        raise
    except Exception as error:
        arguments = {"path": str(source), "reason": str(error)}
        raise Refused(str(error), "library-gguf-unreadable", **arguments) from error
    _report_stage(progress, "writing")
    _write(model, draft)
    tokenizer.save_pretrained(draft)
    _report_stage(progress, None)
    return {}


def _report_stage(progress: Progress, name: str | None) -> None:
    """Report the start of a stage, and the end of the previous ones."""
    current = STAGES.index(name) if name else len(STAGES)
    for number, stage in enumerate(STAGES[: current + 1]):
        progress(stage, int(number < current), 1)


def _write(model: Any, draft: Path) -> None:
    from merlin.engine.torch_loading import save_weights  # noqa: PLC0415 - as above

    # save_pretrained rejects a model that was loaded from a .gguf file.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config.save_pretrained(draft)
    if model.generation_config is not None:
        model.generation_config.save_pretrained(draft)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    save_weights(weights, draft / "model.safetensors")


def main() -> None:
    """Run the request; expected failures are sent as messages, bugs are logged."""
    pipe = EnginePipe()

    def progress(step: str, current: int, total: int) -> None:
        pipe.send({"kind": "progress", "what": step, "done": current, "total": total})

    try:
        pipe.send({"kind": "done", **_run_order(pipe.inbox.get(), progress)})
    except Refused as error:
        arguments = {name: value for name, value in error.arguments.items() if name != "message"}
        pipe.send({"kind": "failed", "key": error.key, "arguments": arguments})
    except OSError as error:
        if not is_disk_full(error):
            raise
        pipe.send({"kind": "failed", "key": DISK_FULL, "arguments": {}})


def _run_order(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    try:
        if order["work"] == "fetch":
            from merlin.engine.model_store.hub import fetch  # noqa: PLC0415 - needs no torch

            return fetch(order, progress)
        return convert(order, progress)
    except ModuleNotFoundError as error:
        raise Refused(str(error), "library-no-extra", package=error.name or "") from error


if __name__ == "__main__":
    main()
