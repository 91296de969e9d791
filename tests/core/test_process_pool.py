"""The process pool: order of results, killed processes, machines with one processor."""

import json
import operator
import os
import subprocess
import sys
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from merlin.core.process_pool import map_many
from tests.core.pool_functions import die_in_child, get_pid, is_running, refuse
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional
MANY = range(1000)


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 1000])
def test_results_are_in_the_order_of_the_items(count):
    assert [*map_many(operator.neg, iter(range(count)))] == [-number for number in range(count)]


def test_few_items_are_processed_in_this_process():
    assert {*map_many(get_pid, MANY, len(MANY))} == {os.getpid()}


def test_two_child_processes_do_the_work_and_end_afterwards():
    pids = {*map_many(get_pid, MANY)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert not any(map(is_running, pids))


def test_processes_end_when_the_rest_is_not_consumed():
    results = map_many(get_pid, MANY)
    pids = {*islice(results, 200)}
    assert all(map(is_running, pids))
    results.close()
    assert not any(map(is_running, pids))


def test_single_processor_works_without_children(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    assert {*map_many(get_pid, MANY)} == {os.getpid()}


def test_work_is_done_here_when_processes_cannot_be_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert {*map_many(get_pid, MANY)} == {os.getpid()}


@pytest.mark.parametrize("at", [0, 49, 500, 999])
def test_work_of_a_dead_process_is_done_here(at):
    assert [*map_many(partial(die_in_child, os.getpid(), at), MANY)] == [*MANY]


def test_exception_of_the_function_is_raised_here():
    results = map_many(partial(refuse, 120), MANY)
    assert [*islice(results, 100)] == [*range(100)]
    with pytest.raises(LookupError, match="120"):
        list(results)


def test_exception_of_the_items_is_raised_here():
    def items():
        yield from range(60)
        raise OSError("the repository is gone")

    with pytest.raises(OSError, match="gone"):
        [*map_many(operator.neg, items())]


def test_children_end_when_their_parent_is_killed(tmp_path):
    code = (
        "import os, sys; from functools import partial; sys.path += sys.argv[2:];"
        "os.sched_getaffinity = lambda _pid: {0, 1};"
        "from tests.core.pool_functions import live_until_parent_ends;"
        "from merlin.core.process_pool import map_many;"
        "[*map_many(partial(live_until_parent_ends, sys.argv[1], os.getpid()), range(1000))]"
    )
    command = [sys.executable, "-c", code, str(tmp_path), *filter(None, sys.path)]
    with subprocess.Popen(command) as parent:
        try:
            wait_until(lambda: len([*tmp_path.iterdir()]) == 2)
        finally:
            parent.kill()
    pids = [path.name for path in tmp_path.iterdir()]
    wait_until(lambda: not any(map(is_running, pids)))


def test_nothing_is_imported_from_the_current_folder(tmp_path):
    for name in ("pickle", "subprocess", "operator", "merlin"):
        (tmp_path / f"{name}.py").write_text("open('taken', 'w')", "utf-8")
    code = (
        "import os; os.sched_getaffinity = lambda _pid: {0, 1};"
        "import json, operator; from merlin.core.process_pool import map_many;"
        "print(json.dumps([*map_many(operator.neg, range(3))]))"
    )
    command = [sys.executable, "-P", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, check=True
    )
    assert json.loads(process.stdout) == [0, -1, -2]
    assert not (tmp_path / "taken").exists()
