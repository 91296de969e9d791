"""Talking to the bot in the groups of the stand-in."""

from __future__ import annotations

from bot_talk import Talk

from merlin.sandbox.telegram.world import BOT_NAME

NAMED = f"@{BOT_NAME}"


def talk(telegram, settings, who="anna@study"):
    return Talk(telegram, settings, who)


def asked(provider):
    """Return what the newest call of a model was told by people, in order."""
    messages = provider.calls("chat.create")[-1].body["messages"]
    return [each["content"] for each in messages if each["role"] == "user"]
