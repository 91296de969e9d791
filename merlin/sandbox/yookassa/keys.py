"""Idempotence-Keys: the same key and the same call give the same answer, for a day.

Source: yookassa.ru/developers/using-api/basics, "Идемпотентность".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from merlin.core.clock import from_iso, iso, utc_now
from merlin.sandbox.yookassa.errors import bad_request

Answer = dict[str, Any]


@dataclass(slots=True)
class Keys:
    """The keys that were used, and what each call was answered with."""

    _used: dict[str, tuple[str, Answer, datetime]] = field(default_factory=dict)

    def answer(
        self, key: str, call: Mapping[str, Any], life_s: float, act: Callable[[], Answer]
    ) -> Answer:
        """Return what the call was answered with, acting only for the first of a key.

        Raises ShopError when the key was used for another call.
        """
        now, asked = utc_now(), _digest(call)
        known = self._used.get(key)
        if known is not None and now < known[2] + timedelta(seconds=life_s):
            if known[0] != asked:
                raise bad_request("Idempotence-Key", "Idempotence key duplicated")
            return known[1]
        answer = act()
        self._used[key] = (asked, answer, now)
        return answer

    def as_json(self) -> dict[str, Any]:
        """Return the keys as `recall` reads them."""
        used = self._used.items()
        return {key: [asked, answer, iso(at)] for key, (asked, answer, at) in used}

    def recall(self, told: Mapping[str, Any]) -> None:
        """Take over keys that were used before."""
        for key, (asked, answer, at) in told.items():
            self._used[key] = (asked, answer, from_iso(at))


def _digest(call: Mapping[str, Any]) -> str:
    said = json.dumps(call, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()
