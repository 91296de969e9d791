"""Retention: for how long what is kept."""

from __future__ import annotations
