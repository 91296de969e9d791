"""Markup: a model's Markdown as pages of text and marks, split by Telegram's limits."""
