"""Checking a job's files before it may wait for its turn: every line, in the job's own format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from merlin.engine import jobs as states
from merlin.engine.diary import Happening
from merlin.engine.jobs import Job
from merlin.engine.shelves import Shelves
from merlin.engine.trainers import DPO, Untrainable
from merlin.engine.training_file import LEAST_EXAMPLES, BadFile, conversations, preferences

Reader = Callable[[Path, int], Iterator[object]]


def check(shelves: Shelves, job: Job) -> bool:
    """Read the job's files and move it on to the queue.

    Returns whether it waits in the queue now. Raises Untrainable for a file that cannot be trained
    on, OSError, FileNotFoundError for one that was deleted.
    """
    order = job.order
    read: Reader = preferences if order.method == DPO else conversations
    wanted = [("training_file", order.training_file, LEAST_EXAMPLES)]
    if order.validation_file:
        wanted.append(("validation_file", order.validation_file, 1))
    counted = []
    for param, file_id, least in wanted:
        try:
            n = sum(1 for _ in read(shelves.files.path(file_id), least))
        except BadFile as error:
            raise Untrainable(f"invalid_{param}", error.key, param, **error.arguments) from error
        counted.append(f"{param} {n} examples")
    message = f"Files validated ({', '.join(counted)}), moving job to queued state"
    told = Happening("validated", message)
    return shelves.jobs.move(
        job.job_id, states.QUEUED, states.VALIDATING, told=told, is_validated=1
    )
