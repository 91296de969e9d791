"""A real program per module: `pytestmark = [pytest.mark.integration, pytest.mark.real("llm")]`.

`shows("chat")` names what a test shows of its program: `make record-real` writes these names, with
the version and the date, into merlin/core/tried.yaml, and what was sent into `recorded`.
"""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from tests.real import tried
from tests.real.programs import require_program
from tests.real.recording import IS_WRITTEN, Recording, recorded_calls, write_recording


@pytest.fixture(scope="module")
def program(request):
    """The module's program, installed: its version and the folder of its commands."""
    return require_program(request.node.get_closest_marker("real").args[0])


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
            tried.note(item.funcargs["program"], shown)
    return report
