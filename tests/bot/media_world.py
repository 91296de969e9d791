"""Files that people send to a running bot, and what became of them."""

from __future__ import annotations

from dataclasses import replace

from bot_troubles import ended, texts
from bot_world import RunningBot, rows

from merlin.billing.plan import Allowance, Format, Plan
from merlin.sandbox.telegram.arguments import Upload

CHAT = ("chat", "stand-in-chat")
HEARING = ("chat", "stand-in-transcribe")
SOUND = b"OggS" + bytes(60)
PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(40)
PLENTY = Plan("free", {}, dict.fromkeys(Format, Allowance(day=50)))


def with_media(settings, **more):
    """Return the settings with every kind of media switched on, and a plan that counts."""
    switched_on = {"assistant": CHAT, "transcription": HEARING, "vision": CHAT, "plans": (PLENTY,)}
    return replace(settings, **switched_on | more)


def after(telegram, settings, act, count=1, who="anna"):
    """Let a bot deal with what `act` sends (`count` updates); return what stands in the chat."""
    with RunningBot(settings):
        act()
        ended(telegram, settings, count)
    return texts(telegram, who)


def send(telegram, content, name="a.txt", mime="text/plain", **more):
    return telegram.send_file("anna", Upload(name, mime, content), **more)


def questions(provider):
    """Return the last message of each question to a model, its images among them."""
    return [call.body["messages"][-1]["content"] for call in provider.calls("chat.create")]


def charged(settings):
    """Return how many questions of each format were counted."""
    sql = "SELECT format, COUNT(*) FROM quota_use WHERE state = 'charged' GROUP BY format"
    return dict(rows(settings, sql))
