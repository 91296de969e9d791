"""Who holds a lease, and whether that process is still alive."""

import subprocess
import sys
from dataclasses import replace

import pytest

from merlin.app.inbox import read_owner
from tests.support.ending import kill, wait_for_end
from tests.support.waiting import wait_until

pytestmark = pytest.mark.unit


def test_process_recognises_itself_and_is_not_dead():
    me = read_owner()
    assert me == read_owner()
    assert me.started > 0
    assert not me.is_dead(str(me))


def test_process_where_namespaces_cannot_be_read_is_named_by_its_host(monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr("pathlib.Path.readlink", refuse)
    me = read_owner()
    assert me.host.endswith("/")
    assert not me.is_dead(str(me))


@pytest.mark.parametrize(
    ("change", "is_dead"),
    [
        ({"boot": "another boot"}, True),
        ({"started": 1}, True),
        ({"pid": 2**22 - 1, "started": 5}, True),
        ({"host": "elsewhere", "boot": "another boot"}, False),
    ],
)
def test_owner_is_dead_only_when_that_is_certain(change, is_dead):
    me = read_owner()
    assert me.is_dead(str(replace(me, **change))) is is_dead


@pytest.mark.parametrize("owner", ["", "nonsense", "a|b|c|d", "||||"])
def test_unreadable_owner_is_not_called_dead(owner):
    assert not read_owner().is_dead(owner)


def test_child_process_is_alive_until_it_has_ended():
    say = "from merlin.app import inbox; print(inbox.read_owner(), flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", say],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    owner = child.stdout.readline().strip()
    assert not read_owner().is_dead(owner)
    kill(child)
    assert read_owner().is_dead(owner)


def test_zombie_process_is_dead():
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from merlin.app.inbox import read_owner; print(read_owner())",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    # Its output has ended, so it has exited; the parent has not waited for it yet.
    owner = child.stdout.read().strip()
    me = read_owner()
    wait_until(lambda: me.is_dead(owner))
    wait_for_end(child)
