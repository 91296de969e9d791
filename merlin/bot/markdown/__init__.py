"""Markdown: what a model writes as text and marks, split by Telegram's limits."""
