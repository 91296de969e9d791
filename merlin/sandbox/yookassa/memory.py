"""What the shop remembers over its own end: one JSON file, written whole after every call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from merlin.core import durable
from merlin.core.clock import from_iso, iso
from merlin.sandbox.yookassa.keys import Keys
from merlin.sandbox.yookassa.reading import PaymentAsked, RefundAsked
from merlin.sandbox.yookassa.shop import Method, Payment, Refund, Shop

_TIMES = ("created_at", "captured_at", "ends_at")


class Memory:
    """The file of one shop; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, shop: Shop, keys: Keys) -> None:
        self._path = None if folder is None else folder / "shop.json"
        self._shop = shop
        self._keys = keys

    def recall(self) -> None:
        """Give the shop back what it was."""
        if self._path is None or not self._path.exists():
            return
        said = json.loads(self._path.read_text(encoding="utf-8"))
        shop = self._shop
        for each in said["payments"]:
            payment = Payment(**{**_timed(each), "asked": PaymentAsked(**each["asked"])})
            shop.payments[payment.payment_id] = payment
        for each in said["refunds"]:
            refund = Refund(**{**_timed(each), "asked": RefundAsked(**each["asked"])})
            shop.refunds[refund.refund_id] = refund
        shop.methods.update({each["method_id"]: Method(**each) for each in said["methods"]})
        shop.receipts.extend(said["receipts"])
        self._keys.recall(said["keys"])

    def keep(self) -> None:
        """Write down what the shop is."""
        if self._path is None:
            return
        shop = self._shop
        told = {
            "payments": [asdict(each) for each in shop.payments.values()],
            "refunds": [asdict(each) for each in shop.refunds.values()],
            "methods": [asdict(each) for each in shop.methods.values()],
            "receipts": shop.receipts,
            "keys": self._keys.as_json(),
        }
        said = json.dumps(told, ensure_ascii=False, default=_written)
        durable.write(self._path, lambda path: path.write_text(said, encoding="utf-8"))


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _timed(told: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: from_iso(told[name]) for name in _TIMES if told.get(name)}
    return {**told, **times}
