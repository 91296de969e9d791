"""Everyday: what the bot is, a person's plan, language, rights and data."""
