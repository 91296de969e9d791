"""`python -m merlin.engine.export_child TASK`: merge an adapter into its base, and compare the two.

TASK is JSON: `base`, `adapter` and `folder`, `dtype` and `device`, `system` for a Modelfile, null
without one. Its last line is JSON: {"distance": mean difference of the scores}, or {"failed": why}.
It is a process of its own: it imports torch.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from merlin.engine.merging import merge
from merlin.engine.ollama import MODELFILE, build_modelfile
from merlin.engine.proof import compute_distance, read_proof
from merlin.engine.tokenizer_loading import load_tokenizer
from merlin.engine.torch_loading import choose_dtype, load_model, score_tokens

log = logging.getLogger(__name__)


def main(task: dict[str, Any]) -> dict[str, object]:
    """Write the merged model, and a Modelfile if asked for; return the result.

    The tokens of the adapter's proof are scored by both, in one precision: a proof of a base that
    was quantised in training has the scores of that.
    """
    base, adapter, folder = (Path(task[name]) for name in ("base", "adapter", "folder"))
    try:
        if task["system"] is not None:
            (folder / MODELFILE).write_text(
                build_modelfile(load_tokenizer(base), task["system"]), "utf-8"
            )
        merge(base, adapter, folder)
        questions = read_proof(adapter).questions
        device = torch.device(task["device"])
        dtype = choose_dtype(task["dtype"], device)
        tuned = load_model(base, dtype, "none", device, trains=True)
        scores = score_tokens(
            PeftModel.from_pretrained(tuned, adapter).eval(), questions
        )
        del tuned
        merged = load_model(folder, dtype, "none", device, trains=True)
        distance = compute_distance(score_tokens(merged.eval(), questions), scores)
    except (ValueError, MemoryError, RuntimeError) as error:
        log.exception("not merged")
        return {"failed": f"{type(error).__name__}: {error}".partition("\n")[0]}
    return {"distance": distance}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    result = main(json.loads(sys.argv[1]))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
