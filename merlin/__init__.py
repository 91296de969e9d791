"""Merlin: commit example conversations, get a fine-tuned model, talk to it."""

__version__ = "0.1.0"
