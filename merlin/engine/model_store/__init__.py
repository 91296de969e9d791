"""Base models on this machine: pull, list, remove."""
