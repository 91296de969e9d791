"""The tests themselves: nothing waits for ever, and what hangs says where."""

import re
import signal
import threading
from pathlib import Path

import pytest

from tests.support.ending import end, kill, wait_for_end
from tests.support.forked_processes import set_up_process, start_function
from tests.support.machine import skip_or_fail
from tests.support.postgresql import reason_unavailable, run_server
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

TESTS = Path(__file__).parents[1]
# What is awaited ends with its server, or has a deadline around it.
ENDLESS = re.compile(r"^(?!.*\bawait ).*\w\.(join|wait|communicate)\(\)", re.MULTILINE)


def hang(ready, environment, log):
    set_up_process(environment, log)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.touch()
    threading.Event().wait(2 * longest())


def test_process_that_does_not_end_is_killed_and_its_stacks_are_in_its_log(tmp_path):
    ready = tmp_path / "ready"
    log = tmp_path / "log"
    process = start_function(hang, ready, log, {})
    wait_until(ready.exists)
    with pytest.raises(AssertionError, match="did not end"):
        end(process, within_s=0.1)
    assert not process.is_alive()
    assert "in hang" in log.read_text()


def test_thread_that_does_not_end_fails_the_test():
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait, args=(2 * longest(),))
    thread.start()
    with pytest.raises(AssertionError, match="did not end"):
        wait_for_end(thread, 0.1)
    is_over.set()
    wait_for_end(thread)


def test_no_test_waits_without_a_deadline():
    endless = {
        str(path.relative_to(TESTS)): found
        for path in TESTS.rglob("*.py")
        if (found := ENDLESS.findall(path.read_text("utf-8")))
    }
    assert endless == {
        "config/test_processes.py": ["wait"]
    }  # os.wait of forks that only load


def run_postgresql(folder_file, environment, log):
    set_up_process(environment, log)
    with run_server() as server:
        folder_file.with_suffix(".new").write_text(str(server.folder))
        folder_file.with_suffix(".new").rename(folder_file)
        threading.Event().wait(2 * longest())


def test_postgresql_ends_with_a_run_that_is_killed(tmp_path):
    skip_or_fail(reason_unavailable())
    told = tmp_path / "folder"
    log = tmp_path / "log"
    process = start_function(run_postgresql, told, log, {})
    wait_until(told.exists, describe=log.read_text)
    folder = Path(told.read_text())
    pid = int((folder / "d" / "postmaster.pid").read_text().split()[0])
    kill(process)
    wait_until(lambda: not folder.exists())
    assert not Path(f"/proc/{pid}").exists()
