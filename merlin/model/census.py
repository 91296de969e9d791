"""Census: which proved models their providers still have; the others are gone.

A model that the list lacks is asked one question before anything is said of it, because some
servers list no tuned models; and a list may lag. So it is gone when it was missed twice, at
least `settle_s` apart, and by the list and the answer both. Listed again, it is good again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from merlin.core.errors import ModelGone, ProviderError
from merlin.core.log import get_logger
from merlin.job.provider import ModelList
from merlin.model.evaluate import questions_of
from merlin.model.prove import Bench
from merlin.model.registry import Model, ModelState

log = get_logger(__name__)
# A model that answers without being listed is asked again only now and then: answers cost.
ANSWERED = timedelta(days=1)
MOST_ASKED = 20


class Census:
    """Counts the misses in memory: a daemon that starts anew begins anew.

    `lists` and `settle_s` are by provider name.
    """

    def __init__(
        self, bench: Bench, lists: Mapping[str, ModelList], settle_s: Mapping[str, float]
    ) -> None:
        self._bench = bench
        self._lists = lists
        self._settle_s = settle_s
        self._missed: dict[int, datetime] = {}
        self._answered: dict[int, datetime] = {}
        # Its own tick and a request may come at one time.
        self._turn = threading.Lock()

    def doubt(self, model_id: str) -> None:
        """Let a model be asked again at the next look: somebody was told that it is gone."""
        for model in self._bench.rows.standing():
            if model.model_id == model_id:
                self._answered.pop(model.model_row, None)

    def take(self) -> list[Model]:
        """Look once at every provider's list; return the models whose state changed, as they are.

        A provider that cannot answer now says nothing of its models.
        """
        changed = []
        with self._turn:
            standing = self._bench.rows.standing()
            for provider in sorted({model.provider for model in standing} & self._lists.keys()):
                mine = [model for model in standing if model.provider == provider]
                changed += list(self._taken(provider, mine))
        return changed

    def _taken(self, provider: str, models: Sequence[Model]) -> Iterator[Model]:
        try:
            listed = {card.model_id for card in self._lists[provider].models()}
        except ProviderError as trouble:
            log.warning("models cannot be listed", provider=provider, reason=str(trouble))
            return
        unlisted = [model for model in models if model.model_id not in listed]
        for model in models:
            if model.model_id in listed:
                self._missed.pop(model.model_row, None)
                if model.state is ModelState.GONE:
                    yield self._settled(model, ModelState.GOOD)
        due = [
            model for model in unlisted if model.state is ModelState.GOOD and self._is_due(model)
        ]
        for model in due[:MOST_ASKED]:
            if self._is_missed_twice(model):
                yield self._settled(model, ModelState.GONE)

    def _is_due(self, model: Model) -> bool:
        """Return whether the list should show it by now, and it has not answered of late."""
        now = self._bench.clock()
        is_young = now - model.created_at < self._settle(model)
        answered = self._answered.get(model.model_row)
        return not is_young and (answered is None or now - answered >= ANSWERED)

    def _settle(self, model: Model) -> timedelta:
        return timedelta(seconds=self._settle_s.get(model.provider, 0.0))

    def _is_missed_twice(self, model: Model) -> bool:
        if not self._is_missing(model):
            self._missed.pop(model.model_row, None)
            return False
        now = self._bench.clock()
        first = self._missed.setdefault(model.model_row, now)
        log.warning("model is missed", model=model.model_id, provider=model.provider)
        return first < now and now - first >= self._settle(model)

    def _is_missing(self, model: Model) -> bool:
        """Ask the model itself: only a plain "no such model" counts."""
        asker = self._bench.askers.get(model.provider)
        taught = self._bench.rows.conversations(model.build_id, "train")
        if asker is None or not taught:
            return False
        try:
            asker.ask(model.model_id, questions_of(taught[:1])[0].messages)
        except ModelGone:
            return True
        except ProviderError:
            return False
        self._answered[model.model_row] = self._bench.clock()
        return False

    def _settled(self, model: Model, state: ModelState) -> Model:
        self._bench.rows.settle(model, state, None, "")
        self._missed.pop(model.model_row, None)
        log.warning("model changed", model=model.model_id, provider=model.provider, state=state)
        return replace(model, state=state)
