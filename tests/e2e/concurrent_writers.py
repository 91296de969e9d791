"""Writers at once: processes that submit changes of one dataset, while somebody pushes by hand.

`write_at_once(folder, writers, count, seed)` runs them beside a daemon until all is committed,
proves what is on the branch and returns the figures. Used by a test with few and by
`bench/changes.py`.
"""

from __future__ import annotations

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
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.wiring.context import make_cipher, opened
from tests.support.forked_processes import FORKS, run_processes
from tests.support.pipeline_lab import KEY, Lab
from tests.support.waiting import wait_until

# So many commits of others come between two that are pushed by hand.
BETWEEN = 8
LONG_S = 600

LATER = {"api-problem-busy-file-detail", "api-problem-unseen-commit-detail"}


def write_at_once(folder, writers, count, seed):
    """Return seconds, commits by hand, and how often a writer was told that others are at it.

    Each of the writers submits `count` changes; the order of each follows from the seed.
    """
    with ProviderStandIn(folder / "provider", key="stand-in") as provider:
        url = {"url": "shared.git", "interval_s": 0.2}
        lab = Lab(folder, provider.base_url, repository=url)
        lab.repository.dataset(launch={"mode": "manual"})
        lab.repository.commit()
        subprocess.run(
            ["git", "clone", "-q", "--bare", "repository", "shared.git"], cwd=folder, check=True
        )
        lab.repository.git("remote", "add", "origin", "../shared.git")
        lab.repository.git("fetch", "-q")
        lab.tick("fetch")
        begun = time.monotonic()
        with (
            run_processes(lab.path, "daemon", **{KEY: "stand-in"}),
            ProcessPoolExecutor(writers, mp_context=FORKS) as pool,
        ):
            jobs = [pool.submit(submit_all, lab, number, count, seed) for number in range(writers)]
            by_hand = push_by_hand(lab, jobs, writers * count // BETWEEN)
            told = [job.result() for job in jobs]
            made = [change_id for ids, _ in told for change_id in ids]
            wait_until(lambda: not waiting(lab), LONG_S, (folder / "daemon.log").read_text)
            seconds = time.monotonic() - begun
        prove(lab, made, writers * count, by_hand)
    return seconds, by_hand, sum(refused for _, refused in told)


def submit_all(lab, number, count, seed):
    """Submit the changes of one writer; return their ids, and how often others were at it."""
    names = [f"writer-{number}/{each:03d}" for each in range(count)]
    random.Random(seed + number).shuffle(names)  # noqa: S311 - an order, no secret
    with opened(lab.config) as database, closing(Store(database)) as store:
        database.cipher = make_cipher(lab.config)
        ctx = Context(config=lab.config, db=database, store=store)
        actor = Actor.person(number + 1, Authority(Role.EDITOR))
        return asyncio.run(_submit(ctx, actor, names))


async def _submit(ctx, actor, names):
    made, refused = [], 0
    while len(made) < len(names):
        name = names[len(made)]
        text = f"messages:\n  - user: Что такое {name}?\n  - assistant: Это {name}.\n"
        edits = CourseEdits((Edit(f"examples/{name}.yaml", None, text),), "")
        make = partial(lambda edits, _: edits, edits)
        try:
            made.append((await changes.submit(ctx, actor, "trial", make, name)).id)
        except Refused as error:
            if error.key not in (
                "api-problem-busy-file-detail",
                "api-problem-unseen-commit-detail",
            ):
                raise
            refused += 1
    return made, refused


def push_by_hand(lab, jobs, commits):
    """Commit and push with plain git, each commit once the jobs made some; return how many."""
    git = lab.repository.git
    for number in range(commits):
        wanted = number * (BETWEEN + 1) + 1

        def is_turn(wanted=wanted):
            for job in jobs:
                if job.done():
                    job.result()  # raises what went wrong there
            git("fetch", "-q")
            return int(git("rev-list", "--count", "origin/main")) > wanted

        wait_until(is_turn, LONG_S)
        lab.repository.example("trial", 1000 + number)
        lab.repository.commit(f"By hand {number}")
        while not is_pushed(lab):
            git("pull", "-q", "--rebase", "origin", "main")
    return commits


def is_pushed(lab):
    words = ["git", "push", "-q", "origin", "HEAD:main"]
    done = subprocess.run(words, cwd=lab.repository.folder, capture_output=True, check=False)
    return done.returncode == 0


def waiting(lab):
    with opened(lab.config) as database:
        database.cipher = make_cipher(lab.config)
        return Changes(database).list_pending("trial")


def prove(lab, made, wanted, by_hand):
    """Prove that each change is on the branch once, and stored so, with all that others pushed."""

    def git(*words):
        return lab.repository.git("--git-dir=../shared.git", *words).splitlines()

    git("fsck", "--strict")
    trailer = "%H %(trailers:key=Merlin-Id,valueonly,separator=%x20)|%s"
    log = [line.partition("|")[::2] for line in git("log", f"--format={trailer}", "main")]
    ids = Counter(change_id for each, _ in log for change_id in each.split()[1:])
    assert len(set(made)) == wanted
    assert ids == Counter(made), "each change once"
    subjects = Counter(subject for _, subject in log)
    assert all(subjects[f"By hand {number}"] == 1 for number in range(by_hand))
    assert len(log) == 1 + wanted + by_hand
    commits = {each.split()[1]: each.split()[0] for each, _ in log if " " in each.strip()}
    with opened(lab.config) as database:
        database.cipher = make_cipher(lab.config)
        stored = [Changes(database).get(each) for each in made]
    assert all(each.state is ChangeState.COMMITTED for each in stored)
    assert {each.change_id: each.commit for each in stored} == commits
    lying = set(git("ls-tree", "-r", "--name-only", "main"))
    examples = {f"datasets/{each.path}" for each in stored}
    examples |= {f"datasets/trial/examples/q{1000 + number}.yaml" for number in range(by_hand)}
    assert examples <= lying
    assert len(lying) == 13 + wanted + by_hand
