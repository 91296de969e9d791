"""Guessing: is it the right password; and who tries many waits ever longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.requests import Request

from merlin.account.account import Account, folded
from merlin.account.key import digest
from merlin.account.password import matches
from merlin.api.entrance import Gate, too_many
from merlin.api.limits import network_of
from merlin.api.problems import Problem
from merlin.api.services import ApiServices


@dataclass(frozen=True, slots=True)
class Guess:
    """One try; `browser` is the secret of a browser in which the owner was right before, or ""."""

    name: str
    password: str = field(repr=False)
    browser: str = field(default="", repr=False)


async def checked(request: Request, guess: Guess) -> Account:
    """Return the account whose password this is. Raises Problem 401, 429 for too many tries.

    A name that nobody has takes as long and waits as long as any other.
    """
    gate: Gate = request.app.state.gate
    services: ApiServices = request.app.state.services
    rows, name = services.rows, folded(guess.name)

    def look() -> tuple[Account | None, bool]:
        account = rows.accounts.named(name)
        user_id = account.user_id if account else 0
        return account, rows.accounts.knows(user_id, guess.browser)

    account, is_known = await services.store.read(look)
    # In a browser of the owner strangers' tries do not count, nor do the owner's elsewhere.
    whose = f"{name} {digest(guess.browser) if is_known else ''}"
    network, now = network_of(request.scope), gate.clock()
    _wait(gate, whose, network, now)
    gate.names.failed(whose, now)
    gate.addresses.failed(network, now)
    stored = account.password if account else ""
    is_right = await gate.apart(lambda: matches(stored, guess.password))
    if account is None or not is_right:
        raise Problem(HTTPStatus.UNAUTHORIZED, "wrong-password")
    gate.names.passed(whose)
    gate.addresses.right(network)
    return account


def _wait(gate: Gate, whose: str, network: str, now: float) -> None:
    wait_s = max(gate.names.wait_s(whose, now), gate.addresses.wait_s(network, now))
    if wait_s > 0:
        raise too_many(wait_s)
