"""Composition root: constructs each process from its parts and chooses the adapters."""
