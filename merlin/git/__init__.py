"""Modules of git."""
