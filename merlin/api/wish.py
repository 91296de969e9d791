"""The wish of a hook that the daemon fetches; at most one of it waits."""

from __future__ import annotations

from merlin.core.errors import NotFound
from merlin.core.request import Requests, RequestState

FETCH = "fetch"
BY = "api:hook"


def wish_fetch(requests: Requests, asked: int | None) -> int:
    """Return the id of a waiting wish: `asked`, this process's last one, or a new one."""
    if asked is not None:
        try:
            if requests.get(asked).state is RequestState.WAITING:
                return asked
        except NotFound:  # old requests are cleared away
            pass
    return requests.ask(FETCH, {}, BY)
