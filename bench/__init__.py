"""Measurements behind docs/performance.md; each says what ran, and how often."""
