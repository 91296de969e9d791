"""Write a base of random weights in the shape of SmolLM2-1.7B, for figures of speed on a GPU.

`python -m bench.engine_base FOLDER`; BENCH_BASE=FOLDER then makes the parts of `bench engine` use
it. The tokenizer is SmolLM2's. What such a base answers means nothing.
"""

import sys

from bench.engine_rig import unpack_smollm
from bench.smollm import BASE

# Source: HuggingFaceTB/SmolLM2-1.7B, config.json.
SHAPE = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
}


def main(folder: str) -> None:
    """Write the base in bfloat16 to `folder`."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    small = str(unpack_smollm()[BASE]["path"])
    config = AutoConfig.from_pretrained(small)
    config.update({**SHAPE, "head_dim": SHAPE["hidden_size"] // SHAPE["num_attention_heads"]})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(small).save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1])
