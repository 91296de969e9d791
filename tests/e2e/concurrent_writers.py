"""Concurrent writers: processes submit changes of one dataset while commits are pushed by git.

`write_at_once(folder, writers, count, seed)` runs them beside a daemon until all is committed,
checks the branch and returns figures. Used by a test with few writers and by `bench/changes.py`.
"""

import asyncio
import random
import subprocess
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.core.permissions import Authority, Role
from merlin.course.editing import CourseEdits
from merlin.dataset.changes import Changes, ChangeState, Edit
from merlin.db.writer import Store
from merlin.wiring.context import make_cipher, open_migrated_database
from tests.support.forked_processes import FORKS, run_processes
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

# Number of changes between two commits that are pushed by git.
CHANGES_PER_PUSH = 8
LONG_S = 600

# Refusals after which a writer tries again.
TRY_LATER = {"api-problem-busy-file", "api-problem-unseen-commit"}


def write_at_once(folder, writers, count, seed):
    """Return seconds, the number of commits by git, and how often a writer had to try later.

    Each of the writers submits `count` changes; the order of each follows from the seed.
    """
    with ProviderStandIn(folder / "provider", key="stand-in") as provider:
        repository = {"url": "shared.git", "interval_s": 0.2}
        lab = Lab(folder, provider.base_url, repository=repository)
        lab.repository.commit_dataset(launch={"mode": "manual"})
        subprocess.run(
            ["git", "clone", "-q", "--bare", "repository", "shared.git"],
            cwd=folder,
            check=True,
        )
        lab.repository.git("remote", "add", "origin", "../shared.git")
        lab.repository.git("fetch", "-q")
        lab.tick("fetch")
        started = time.monotonic()
        with (
            run_processes(lab.path, "daemon", **{KEY: "stand-in"}),
            ProcessPoolExecutor(writers, mp_context=FORKS) as pool,
        ):
            jobs = [
                pool.submit(submit_all, lab, number, count, seed)
                for number in range(writers)
            ]
            by_hand = push_by_hand(lab, jobs, writers * count // CHANGES_PER_PUSH)
            results = [job.result() for job in jobs]
            change_ids = [change_id for ids, _ in results for change_id in ids]
            wait_until(
                lambda: not list_pending(lab), LONG_S, (folder / "daemon.log").read_text
            )
            seconds = time.monotonic() - started
        check_branch(lab, change_ids, writers * count, by_hand)
    return seconds, by_hand, sum(refused for _, refused in results)


def submit_all(lab, number, count, seed):
    """Submit the changes of one writer; return their ids, and how often it had to try later."""
    names = [f"writer-{number}/{index:03d}" for index in range(count)]
    random.Random(seed + number).shuffle(names)  # noqa: S311 - an order, no secret
    with (
        open_migrated_database(lab.config) as database,
        closing(Store(database)) as store,
    ):
        database.cipher = make_cipher(lab.config, database)
        ctx = Context(config=lab.config, db=database, store=store)
        actor = Actor.person(number + 1, Authority(Role.EDITOR))
        return asyncio.run(_submit(ctx, actor, names))


async def _submit(ctx, actor, names):
    change_ids = []
    refused = 0
    while len(change_ids) < len(names):
        name = names[len(change_ids)]
        text = f"messages:\n  - user: Что такое {name}?\n  - assistant: Это {name}.\n"
        edits = CourseEdits((Edit(f"examples/{name}.yaml", None, text),), "")
        make = partial(lambda edits, _: edits, edits)
        try:
            change_ids.append(
                (await changes.submit(ctx, actor, "trial", make, name)).id
            )
        except Refused as error:
            if error.key not in TRY_LATER:
                raise
            refused += 1
    return change_ids, refused


def push_by_hand(lab, jobs, commits):
    """Commit and push by git, each time after some changes were committed; return the number."""
    git = lab.repository.git
    for number in range(commits):
        needed = number * (CHANGES_PER_PUSH + 1) + 1

        def is_turn(needed=needed):
            for job in jobs:
                if job.done():
                    job.result()  # raises the exception of the process
            git("fetch", "-q")
            return int(git("rev-list", "--count", "origin/main")) > needed

        wait_until(is_turn, LONG_S)
        lab.repository.commit_example(
            "trial", 1000 + number, subject=f"By hand {number}"
        )
        while not is_pushed(lab):
            git("pull", "-q", "--rebase", "origin", "main")
    return commits


def is_pushed(lab):
    command = ["git", "push", "-q", "origin", "HEAD:main"]
    process = subprocess.run(
        command, cwd=lab.repository.folder, capture_output=True, check=False
    )
    return process.returncode == 0


def list_pending(lab):
    with open_with_key(lab.config) as database:
        return Changes(database).list_pending("trial")


def check_branch(lab, change_ids, expected_count, by_hand):
    """Check that each change is on the branch once and recorded, beside the commits by git."""

    def git(*arguments):
        return lab.repository.git("--git-dir=../shared.git", *arguments).splitlines()

    git("fsck", "--strict")
    trailer = "%H %(trailers:key=Merlin-Id,valueonly,separator=%x20)|%s"
    log = [
        line.partition("|")[::2] for line in git("log", f"--format={trailer}", "main")
    ]
    ids = Counter(change_id for fields, _ in log for change_id in fields.split()[1:])
    assert len(set(change_ids)) == expected_count
    assert ids == Counter(change_ids), "each change once"
    subjects = Counter(subject for _, subject in log)
    assert all(subjects[f"By hand {number}"] == 1 for number in range(by_hand))
    assert len(log) == 1 + expected_count + by_hand
    commits = {
        fields.split()[1]: fields.split()[0]
        for fields, _ in log
        if " " in fields.strip()
    }
    with open_with_key(lab.config) as database:
        stored = [Changes(database).get(change_id) for change_id in change_ids]
    assert all(change.state is ChangeState.COMMITTED for change in stored)
    assert {change.change_id: change.commit for change in stored} == commits
    paths = set(git("ls-tree", "-r", "--name-only", "main"))
    examples = {f"datasets/{change.path}" for change in stored}
    examples |= {
        f"datasets/trial/examples/q{1000 + number}.yaml" for number in range(by_hand)
    }
    assert examples <= paths
    assert len(paths) == 13 + expected_count + by_hand
