"""Handlers of updates, one file per subject; `merlin.bot.application` registers them."""
