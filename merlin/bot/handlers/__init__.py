"""Handlers: what is done with an update, one file a subject; `bot.application` picks."""
