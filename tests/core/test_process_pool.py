"""The process pool: order of results, exceptions, the folder in which it starts."""

import operator
import os
import subprocess
import sys
from functools import partial
from itertools import islice

import pytest

from merlin.core.process_pool import map_many
from tests.core.pool_functions import get_pid, refuse

pytestmark = pytest.mark.functional
MANY = range(1000)


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.mark.parametrize("count", [0, 49, 1000])
def test_results_are_in_the_order_of_the_items(count):
    assert [*map_many(operator.neg, iter(range(count)))] == [-number for number in range(count)]


def test_many_items_are_processed_by_others():
    assert os.getpid() not in {*map_many(get_pid, MANY)}


def test_exception_of_the_function_is_raised_here():
    results = map_many(partial(refuse, 120), MANY)
    assert [*islice(results, 100)] == [*range(100)]
    with pytest.raises(LookupError, match="120"):
        list(results)


def test_nothing_is_imported_from_the_current_folder(tmp_path):
    for name in ("pickle", "multiprocessing", "operator", "merlin"):
        (tmp_path / f"{name}.py").write_text("open('taken', 'w')", "utf-8")
    script = tmp_path / "elsewhere" / "run.py"
    script.parent.mkdir()
    script.write_text(
        "import operator, os\nfrom merlin.core.process_pool import map_many\n"
        "if __name__ == '__main__':\n"
        "    os.cpu_count = lambda: 2\n"
        "    print([*map_many(operator.neg, range(3))])\n"
    )
    process = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert process.stdout == "[0, -1, -2]\n"
    assert not (tmp_path / "taken").exists()
