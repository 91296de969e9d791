"""The process that trains: torch, transformers, peft and accelerate live here alone."""
