"""What people do with Stars: pay invoices, once more or on another device, and subscriptions."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.core.text import language_of, text
from merlin.sandbox.telegram.errors import BotApiError
from merlin.sandbox.telegram.invoices import CHECKOUT_S, invoice_of
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.people import Person
from merlin.sandbox.telegram.presence import Presence
from merlin.sandbox.telegram.stars import balance, give_back, pay


class Paying(Presence):
    """People's Stars."""

    def pay(self, who: str | int, what: str | int = 0, payload: str = "") -> int:
        """Ask to pay the invoice of this message or behind this slug, the newest for none.

        The bot is asked before; with its consent the Stars move. An invoice may be paid by two
        devices at once, so this does not mind that it is paid. `payload` is sent instead of the
        invoice's own, as no client can. Raises NotFound, Refused for too few Stars.
        """
        person = self.person(who)
        if isinstance(what, str) and not what.isdecimal():
            invoice, about = self._linked(what)
        else:
            invoice, about = self._sent(self._standing(person, int(what)))
        return self._ask(person, {**invoice, **({"payload": payload} if payload else {})}, about)

    def pay_message(self, person: Person, logged: LoggedMessage) -> int:
        """Ask to pay the invoice of a message; as in `pay`."""
        return self._ask(person, *self._sent(logged))

    def _linked(self, slug: str) -> tuple[dict[str, Any], dict[str, Any]]:
        invoice = self._world.invoices.get(slug)
        if invoice is None:
            raise NotFound(f"no invoice {slug}")
        return invoice, {"slug": slug}

    def _standing(self, person: Person, message_id: int) -> LoggedMessage:
        """Return a message with an invoice, the newest for 0."""
        sent = self._world.messages.get(person.chat_id, {}).values()
        invoices = [one for one in sent if "invoice" in one.message]
        found = [one for one in invoices if message_id in {0, one.message_id}]
        if not found:
            raise NotFound("no invoice here")
        return found[-1]

    def _sent(self, logged: LoggedMessage) -> tuple[dict[str, Any], dict[str, Any]]:
        where = {"chat_id": logged.message["chat"]["id"], "message_id": logged.message_id}
        return invoice_of(self._world, logged), where

    def _ask(self, person: Person, invoice: dict[str, Any], about: dict[str, Any]) -> int:
        if balance(self._world, person.person_id) < invoice["total_amount"]:
            raise Refused(self._words(person, "chat-page-few-stars"))
        query = {
            "id": str(secrets.randbits(62)),
            "from": person.as_user(),
            "currency": "XTR",
            "total_amount": invoice["total_amount"],
            "invoice_payload": invoice["payload"],
        }
        told = {"title": invoice["title"], "period": invoice.get("period", 0), **about}
        self._world.record("checkout", query_id=query["id"], about=told)
        update_id = self._world.add_update("pre_checkout_query", query)
        # Acts of a test whose stand-in is down have no loop.
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            loop.call_later(CHECKOUT_S, self._gave_up, person, str(query["id"]))
        return update_id

    def _gave_up(self, person: Person, query_id: str) -> None:
        """Tell the payer that the bot has not answered in time."""
        query = self._world.queries.get(query_id)
        if query is None or query.answered:
            return
        self._world.record("answered", query_id=query_id)
        words = self._words(person, "chat-page-no-checkout")
        self._world.tell("answer", {"person_id": person.person_id, "text": words, "alert": True})

    @staticmethod
    def _words(person: Person, key: str) -> str:
        return text(language_of(person.language_code), key)

    def renew(self, who: str | int, charge: str = "") -> int:
        """Let the next payment of a subscription be due now; the newest for no charge.

        Raises NotFound, Refused for one that its owner or the bot has stopped.
        """
        person = self.person(who)
        mine = {
            first: one
            for first, one in self._world.subscriptions.items()
            if one["person_id"] == person.person_id and charge in {"", first}
        }
        if not mine:
            raise NotFound("no such subscription")
        first, subscription = list(mine.items())[-1]
        if subscription["is_canceled"]:
            raise Refused("this subscription is stopped")
        if balance(self._world, person.person_id) < subscription["total_amount"]:
            raise Refused(self._words(person, "chat-page-few-stars"))
        return pay(self._world, person, subscription, first)

    def take_back(self, who: str | int, charge: str) -> int:
        """Let Telegram itself send the Stars of a payment back, as after a dispute."""
        try:
            return give_back(self._world, self.person(who).person_id, charge)
        except BotApiError as error:
            raise Refused(error.description) from error

    def give_stars(self, who: str | int, count: int) -> int:
        """Give somebody Stars, or take some away; the bot hears nothing of it."""
        self._world.record("stars", person_id=self.person(who).person_id, count=count)
        return 0
