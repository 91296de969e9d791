"""A real program per module: `pytestmark = [pytest.mark.integration, pytest.mark.real("llm")]`.

`shows("chat")` names what a test shows of its program: `make record-real` writes these names, with
the version and the date, into merlin/core/tried.yaml, and what was sent into `recorded`.
"""

import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from tests.engine.running_engine import serve_engine
from tests.real import tried
from tests.real.programs import require_program
from tests.real.recording import IS_WRITTEN, Recording, recorded_calls, write_recording
from tests.support.waiting import longest

COMMAND_S = 120.0


@pytest.fixture(scope="module")
def program(request):
    """The module's program, installed: its version and the folder of its commands."""
    return require_program(request.node.get_closest_marker("real").args[0])


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A real engine with `url`, and `model`, which it has trained."""
    with serve_engine(tmp_path_factory.mktemp("engine")) as client:
        client.url = f"http://127.0.0.1:{client.port}"
        client.model = client.train().fine_tuned_model
        yield client


@pytest.fixture
def run(program, tmp_path):
    """Return a function that runs a command of the program in a folder and returns its output."""

    def run_command(name, *arguments, **environment):
        environment = {
            "PATH": f"{program.bin}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            **environment,
        }
        command = [program.command(name), *map(str, arguments)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            timeout=longest(COMMAND_S),
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    return run_command


@pytest.fixture
def recording(program):
    """Return a context manager (story, URL of a server) that yields the URL to call instead."""

    @contextmanager
    def record(story, target, known=None):
        with recorded_calls(target, known) as proxy:
            yield proxy.url
        if IS_WRITTEN:
            today = f"{datetime.now(UTC):%Y-%m-%d}"
            stories = {story: proxy.exchanges}
            write_recording(Recording(program.name, program.version, today, stories))

    return record


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if IS_WRITTEN and report.when == "call" and report.passed:
        shown = [what for marker in item.iter_markers("shows") for what in marker.args]
        if shown:
            tried.note(require_program(item.get_closest_marker("real").args[0]), shown)
    return report
