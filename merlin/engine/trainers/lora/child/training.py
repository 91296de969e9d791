"""The loop: epoch after epoch, telling how it goes, keeping what a later process goes on from.

Every process of a crew sees the same sums, so all of them decide alike when to stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from merlin.engine.trainers import Untrainable
from merlin.engine.trainers.lora.child import state
from merlin.engine.trainers.lora.child.batches import batches, order
from merlin.engine.trainers.lora.child.learner import Learner, added, means
from merlin.engine.trainers.lora.child.plan import Plan
from merlin.engine.trainers.lora.child.state import Progress
from merlin.engine.trainers.lora.child.voice import Voice

_TELL_EVERY_S = 1.0
_KEEP_EVERY_S = 20.0
# A short epoch costs less than a checkpoint; this much is done again after a kill.
_KEEP_AT_MOST_EVERY_S = 1.0
# Some test examples are asked every so many steps, or so many times an epoch.
_TEST_EVERY, _TESTS_AN_EPOCH = 10, 10


class Stopped(Exception):
    """The training was asked to stop, and has kept its state."""


class Training:
    """A model in training; `progress` is where it begins."""

    def __init__(self, plan: Plan, learner: Learner, voice: Voice, progress: Progress) -> None:
        self._plan = plan
        self._learner = learner
        self._voice = voice
        self._progress = progress
        self._told_at = self._kept_at = time.monotonic()
        self._tokens_told = progress.tokens
        self._tests = batches(plan.test, range(len(plan.test)), plan.size)
        self._test_every = max(_TEST_EVERY, plan.steps_an_epoch // _TESTS_AN_EPOCH)

    def run(self, is_asked_to_stop: Callable[[], bool]) -> None:
        """Train to the end. Raises Stopped, Untrainable."""
        while self._progress.epoch < self._plan.epochs and not self._is_enough():
            self._run_epoch(is_asked_to_stop)
        progress = self._progress
        if self._plan.settings["early_stop"] and progress.best_epoch not in (0, progress.epoch):
            self._voice.tell("best", number=progress.best_epoch)
        self._keep(at_most_every_s=0)

    def _run_epoch(self, is_asked_to_stop: Callable[[], bool]) -> None:
        plan, progress = self._plan, self._progress
        chosen = order(len(plan.train), plan.seed, progress.epoch)
        for batch in batches(plan.train, chosen, plan.size)[progress.batch :]:
            sums = self._learner.show(batch, progress.step, is_stop=is_asked_to_stop())
            self._check(sums["loss"])
            self._learner.learn(progress.step)
            self._note(sums)
            if sums["stop"]:
                self._keep(at_most_every_s=0)
                raise Stopped
            self._keep(at_most_every_s=_KEEP_EVERY_S)
        self._end_epoch()
        self._keep(at_most_every_s=_KEEP_AT_MOST_EVERY_S)

    def _check(self, loss: float) -> None:
        if not math.isfinite(loss):
            step = self._progress.step + 1
            raise Untrainable("loss_not_finite", "engine-lora-not-finite", None, step=step)

    def _note(self, sums: dict[str, float]) -> None:
        """Count a step that was learned, and tell of it when it is time."""
        progress = self._progress
        progress.step += 1
        progress.batch += 1
        progress.tokens += int(sums["tokens"])
        progress.sums = added(progress.sums, sums)
        is_test = bool(self._tests) and progress.step % self._test_every == 0
        waited = time.monotonic() - self._told_at
        if is_test or progress.step == 1 or waited >= _TELL_EVERY_S:
            metrics = means(sums, "train")
            metrics["tokens_per_s"] = (progress.tokens - self._tokens_told) / max(waited, 1e-6)
            self._told_at, self._tokens_told = time.monotonic(), progress.tokens
            if is_test:
                test = self._tests[progress.step // self._test_every % len(self._tests)]
                metrics |= means(self._learner.asked(test), "valid")
            self._voice.tell("step", step=progress.step, metrics=metrics)

    def _end_epoch(self) -> None:
        progress = self._progress
        progress.epoch += 1
        metrics = means(progress.sums, "train") | self._tested()
        progress.batch, progress.sums = 0, {}
        if self._voice.is_first:
            state.keep_epoch(self._plan.folder, progress.epoch, self._learner.model)
        told = {"number": progress.epoch, "step": progress.step, "metrics": metrics}
        self._voice.tell("epoch", **told, tokens=progress.tokens)
        if self._is_enough() and progress.epoch < self._plan.epochs:
            said = {"epoch": progress.epoch, "best": progress.best_epoch}
            self._voice.tell("remark", key="engine-lora-early-stop", arguments=said)

    def _tested(self) -> dict[str, float]:
        """Ask the whole test file; its figures stand under the names of a part of it as well."""
        if not self._tests:
            return {}
        sums: dict[str, float] = {}
        for test in self._tests:
            sums = added(sums, self._learner.asked(test))
        shown = means(sums, "valid")
        self._compare(shown["valid_loss"])
        return shown | {f"full_{name}": value for name, value in shown.items()}

    def _compare(self, loss: float) -> None:
        progress = self._progress
        if progress.best is None or loss < progress.best:
            progress.best, progress.best_epoch, progress.worse = loss, progress.epoch, 0
        else:
            progress.worse += 1

    def _is_enough(self) -> bool:
        patience = int(self._plan.settings["early_stop"])
        return 0 < patience <= self._progress.worse

    def _keep(self, at_most_every_s: float) -> None:
        if time.monotonic() - self._kept_at < at_most_every_s:
            return
        self._progress.told = self._voice.told()
        if self._voice.is_first:
            learner = self._learner
            state.keep(self._plan.folder, self._progress, learner.model, learner.optimizer)
            self._voice.mention("kept", step=self._progress.step)
        self._kept_at = time.monotonic()


def begun(learner: Learner, held: dict[str, Any] | None) -> Progress:
    """Return where the training begins, with the checkpoint's weights where there is one."""
    if held is None:
        return Progress()
    state.restore(held, learner.model, learner.optimizer)
    progress: Progress = held["progress"]
    return progress
