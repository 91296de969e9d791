"""The wish of a hook that the daemon looks at something now; at most one of a kind waits."""

from __future__ import annotations

from merlin.core.errors import NotFound
from merlin.core.request import RequestKind, Requests, RequestState

BY = "api:hook"


def wish(requests: Requests, kind: RequestKind, asked: int | None) -> int:
    """Return the id of a waiting wish: `asked`, this process's last one, or a new one."""
    if asked is not None:
        try:
            if requests.get(asked).state is RequestState.WAITING:
                return asked
        except NotFound:  # old requests are cleared away
            pass
    return requests.ask(kind, {}, BY)
