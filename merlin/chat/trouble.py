"""Trouble: what admins are told of models that could not be asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from merlin.chat.reply import Trouble
from merlin.core.notice import ADMINS, Notices
from merlin.core.request import RequestKind, Requests


def report(
    notices: Notices, requests: Requests, troubles: Iterable[Trouble], now: datetime, by: str
) -> None:
    """Tell admins of each trouble once an hour; to be called within the store's work.

    `by` is the process that met it, as requests name it.
    """
    for trouble in troubles:
        told = {
            "provider": trouble.provider,
            "model": trouble.model_id,
            "reason": trouble.reason,
        }
        once = f"answer:{trouble.kind}:{trouble.provider}:{trouble.model_id}:{now:%Y-%m-%dT%H}"
        is_news = notices.tell(ADMINS, f"notice-answer-{trouble.kind}", told, once)
        if is_news and trouble.kind == "gone":
            # The daemon looks at once which models there still are.
            requests.ask(RequestKind.CENSUS, {"model": trouble.model_id}, by)
