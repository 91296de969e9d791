"""Base models on this machine: pull, keep, list, remove."""
