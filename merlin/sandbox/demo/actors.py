"""How the demo acts on its stand-ins and processes from outside: over HTTP, as the page does."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from merlin.core.errors import MerlinError
from merlin.sandbox.demo.place import Place
from merlin.sandbox.waiting import Deadline, longest

T = TypeVar("T")
LOOK_S = 0.05
CALL_S, MODEL_S = 5.0, 300.0


def say(place: Place, person: str, text: str) -> int:
    """Let a person write to the bot; return the update's id."""
    body = json.dumps({"person": person, "text": text}).encode()
    address = f"{place.chat_url}control/send"
    asked = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - our own address
    with urllib.request.urlopen(asked, timeout=longest(CALL_S)) as answer:  # noqa: S310 - as above
        return int(json.load(answer)["update_id"])


def messages(place: Place, person: str) -> list[Mapping[str, Any]]:
    """Return a person's chat as it now stands, oldest message first."""
    url = f"{place.chat_url}control/log?chat={person}"
    with urllib.request.urlopen(url, timeout=longest(CALL_S)) as answer:  # noqa: S310 - our own address
        log: list[Mapping[str, Any]] = json.load(answer)["messages"]
        return log


def model_answer(url: str, key: str, model: str, said: Sequence[Mapping[str, str]]) -> str:
    """Return what a model of an engine answers, greedily and in a sentence or two. Raises OSError.

    `url` is the engine's address, `said` a conversation as the protocol has it.
    """
    asked = {"model": model, "messages": said, "temperature": 0, "max_tokens": 64}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    body = json.dumps(asked).encode()
    called = urllib.request.Request(f"{url}v1/chat/completions", body, headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(called, timeout=longest(MODEL_S)) as answer:  # noqa: S310 - as above
        return str(json.load(answer)["choices"][0]["message"]["content"]).strip()


def answers_at(url: str) -> bool:
    """Return whether something answers at an address with a good status."""
    try:
        with urllib.request.urlopen(url, timeout=longest(CALL_S)):  # noqa: S310 - our own address
            return True
    except (OSError, urllib.error.URLError):
        return False


def wait_for(look: Callable[[], T | None], what: str, timeout_s: float) -> T:
    """Return the first value that `look` gives. Raises MerlinError naming what did not come.

    `what` ends the key of a text `demo-wait-…`; `timeout_s` is for an idle machine.
    """
    deadline = Deadline(timeout_s)
    while (found := look()) is None:
        if deadline.is_over():
            words = f"{what} did not come within {deadline.allowed_s:.0f} s"
            missed = {"key": f"demo-wait-{what}", "arguments": {}}
            raise MerlinError(words, "demo-late", what=missed, seconds=round(deadline.allowed_s))
        time.sleep(LOOK_S)
    return found
