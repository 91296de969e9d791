"""Workers of xdist that are forked from one process, which has collected the tests.

A worker of its own takes 17 s of processor time to collect them, most of it imports; a forked one
takes 3 s. Its fork server is a fork too: a new interpreter would import Merlin's modules again.
"""

import gc
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout, suppress
from importlib import import_module
from itertools import product
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path

# xdist appends the arguments of an interpreter: `-u -c LINE`.
_CLIENT = (sys.executable, "-I", "-S", __file__)
_ROOT = str(Path(__file__).parents[2])
_SERVER = f"""
import sys
sys.path.insert(0, {_ROOT!r})
from tests.support.forked_workers import serve
serve()
"""


def fork_workers(config):
    """Have xdist fork the workers that it would start, until the end of this session."""
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    path = f"{folder.name}/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        number = listener.fileno()
        command = [sys.executable, "-c", _SERVER, str(number), *config.invocation_params.args]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[number])
    config.add_cleanup(server.communicate)
    spec = f"popen//python={shlex.join([*_CLIENT, path])}"
    config.option.tx = [spec if name == "popen" else name for name in config.option.tx]


def serve():
    """Collect the tests, then fork a worker for each client until standard input ends."""
    number, *arguments = sys.argv[1:]
    is_collected = _collect(arguments)
    # Only xdist and the workers are interrupted: their end is the end of this one and its clients.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    workers = []
    with socket.socket(fileno=int(number)) as listener:
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                workers.append(os.fork())
                if not workers[-1]:
                    _work(connection, is_collected)
    # xdist has waited for the others; their processor time counts once they are waited for here.
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def _collect(arguments):
    """Import the tests and what they import lazily; return whether all could be imported."""
    import pytest

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        code = pytest.main([*arguments, "--collect-only", "-n0"])
    # Imported after pytest, which rewrites the assertions of some.
    from hypothesis import find, strategies

    from merlin.api.pages.page import load_templates
    from merlin.core.i18n import LANGUAGES, keys, render_stored_text
    from merlin.engine.trainers.recall.encoder import measure_small_talk
    from tests.support.forked_processes import PRELOADED

    for name in PRELOADED:
        import_module(name)
    # Loads the encoder, which takes each process a second, all texts, Hypothesis's
    # table of characters and the templates of the pages.
    measure_small_talk("")
    for language, key in product(LANGUAGES, keys("en")):
        render_stored_text(language, key, {})
    find(strategies.text(), lambda _text: True)
    environment = load_templates().environment
    for name in environment.list_templates():
        environment.get_template(name)
    gc.freeze()  # no worker writes to these objects to find garbage
    return code == pytest.ExitCode.OK


def _work(connection, is_collected):
    """Run the client's line with the client's standard streams, as `python -c` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    line, streams, *_ = socket.recv_fds(connection, 1000, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if not is_collected:  # a module that cannot be imported may be half imported here
        os.execv(sys.executable, [sys.executable, "-u", "-c", line])  # noqa: S606 - no shell
    resource_tracker.ensure_running()  # in an interpreter of its own
    # Only here: multiprocessing has no setting for how its fork server is started.
    spawn, util.spawnv_passfds = util.spawnv_passfds, _fork_server
    forkserver.ensure_running()
    util.spawnv_passfds = spawn
    exec(line, vars(sys.modules["__main__"]))  # noqa: S102 - of execnet
    os._exit(0)


def _fork_server(_executable, arguments, descriptors):
    """Run multiprocessing's line for its fork server in a fork of this process; return its id."""
    if process_id := os.fork():
        return process_id
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # execnet's messages are on standard output
    # Without the write end of the worker's pipe: the server ends with the worker.
    for number in {int(path.name) for path in Path("/proc/self/fd").iterdir()}:
        if number > 2 and number not in descriptors:
            with suppress(OSError):  # of this very listing
                os.close(number)
    with suppress(SystemExit):
        exec(arguments[-1], {})  # noqa: S102 - of multiprocessing
    os._exit(0)


def _lend_streams(path, line):
    """Have the server fork a worker with the streams of this process; wait for its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [line.encode()], [0, 1, 2])
        server.recv(1)


if __name__ == "__main__":
    _lend_streams(sys.argv[1], sys.argv[-1])
