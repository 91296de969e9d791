"""Known: what is known of a person and of what the bot waits to hear, read with their update."""

from __future__ import annotations

from dataclasses import dataclass

from merlin.account.user import User
from merlin.bot.services import Rows
from merlin.chat.dialog import Dialog
from merlin.inbox.update import Update


@dataclass(frozen=True, slots=True)
class Known:
    """Who wrote, and the dialog that they are in."""

    user: User
    dialog: Dialog | None = None


def known_of(rows: Rows, update: Update) -> Known:
    """Return what is known now; to be called within the store's work."""
    user = rows.users.get(update.user_id) or User(update.user_id)
    return Known(user, rows.dialogs.get(update.chat_id, update.user_id))
