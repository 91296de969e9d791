"""The training process, the only one that imports torch, transformers, peft and accelerate."""
