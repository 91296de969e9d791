"""Isolation for every test: a temporary home, no network beyond loopback, one git identity."""

import gc
import logging
import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import certifi
import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests import weekly
from tests.support import sampling
from tests.support.full_config import SECRETS

# Until the tests are collected nothing becomes garbage; `pytest_collection` enables it again.
gc.disable()

pytest_plugins = [
    "tests.support.database_fixtures",
    "tests.support.recorded_queries",
    "tests.support.scripted_server",
]

# Two threads of BLAS or torch on a busy machine take five times as long as one; set before
# either loads.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # TRL would report each trainer


MEMORY = "/dev/shm"  # noqa: S108 - pytest makes a folder of its own in it


def _use_memory_for_temporary_folders():
    """Put temporary folders in memory where there is room: a disk's fsync takes 3 ms."""
    with suppress(OSError):
        memory = os.statvfs(MEMORY)
        is_roomy = memory.f_bavail * memory.f_frsize > 4 << 30
        if is_roomy and not memory.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


_use_memory_for_temporary_folders()

# A background process ignores SIGINT, and so would every command a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


class _CapturedStderr:
    """Standard error as long as pytest captures it, or its reader asked to see it (`-s`).

    Between two tests a server's thread would log among the dots of the progress.
    """

    is_wanted = False

    def write(self, text):
        if self.is_wanted or sys.stderr is not sys.__stderr__:
            sys.stderr.write(text)

    def flush(self):
        sys.stderr.flush()


_STDERR = _CapturedStderr()
# What is logged by a library while pytest's own handler is away.
logging.lastResort = logging.StreamHandler(_STDERR)
logging.lastResort.setLevel(logging.WARNING)


def pytest_configure(config):
    _STDERR.is_wanted = config.option.capture == "no"


def _set_up_plain_logs():
    """Log with structlog's defaults, but with plain tracebacks: rich's take 2 s of CPU."""
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(
        exception_formatter=structlog.dev.plain_traceback
    )
    # Look up standard error at each line: a command's output is read from standard output.
    structlog.configure(
        [*processors, plain], logger_factory=lambda *_: structlog.PrintLogger(_STDERR)
    )
    return structlog.get_config()


_PLAIN_LOGS = _set_up_plain_logs()


# A Hypothesis example is not worse because the machine was busy.
# The same cases in each run, so that a failure is a change's; MERLIN_SEED draws others.
settings.register_profile(
    "busy",
    deadline=None,
    derandomize="MERLIN_SEED" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("busy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from tests.support.xdist_schedule import LongFilesFirst

    config.option.loadscopereorder = False
    return LongFilesFirst(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    # Tests wait for processes, pages and files half of their time.
    return (os.cpu_count() or 1) + 5


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Fail a passed test whose captured logs contain a secret of the tests.

    Logs captured here are not redacted: only those of separate processes are.
    """
    report = yield
    leaking = [
        name for name, text in report.sections for secret in SECRETS if secret in text
    ]
    if report.passed and leaking:
        report.outcome = "failed"
        report.longrepr = f"a secret in {leaking}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep imports and collected tests out of the garbage collector: they stay until the end."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config, items):
    items[:], left_out = sampling.split_items(config, items)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    if hasattr(config, "workerinput"):
        from tests.support.xdist_schedule import sort_long_first

        items[:] = sort_long_first(items)


def pytest_unconfigure():
    # A worker of xdist exits without running `atexit` handlers.
    if databases := sys.modules.get("tests.support.migrated_databases"):
        databases.stop_server()


def pytest_terminal_summary(terminalreporter):
    if sampling.is_wanted():
        summary = f"a sample, MERLIN_SEED={sampling.seed()}; MERLIN_REQUIRE_ALL=1 runs every test"
        terminalreporter.write_line(summary)
    elif sampling.is_complete() and not weekly.ONLY:
        for line in weekly.summarize(weekly.find_unchanged()):
            terminalreporter.write_line(line)


_LOOPBACK = {"127.0.0.1", "::1", "localhost", ""}
# A command run in the test process leaves the name of its credentials folder set.
_OWN_VARIABLES = ("GIT_", "MERLIN_", "CREDENTIALS_DIRECTORY")


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def single_ca_file(tmp_path_factory):
    """Return a file with one trusted certificate: an HTTP client takes 25 ms to read all 150."""
    end = "-----END CERTIFICATE-----\n"
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    path.write_text(
        Path(certifi.where()).read_text("utf-8").partition(end)[0] + end, "utf-8"
    )
    return path


def _reset_logs():
    """Undo the logging set-up of a command that ran in this process."""
    if structlog.get_config() == _PLAIN_LOGS:
        return
    structlog.configure(**_PLAIN_LOGS)
    # A test that sets DEBUG would slow down all later ones, which would log each statement.
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in list(root.handlers):
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)


_connect = socket.socket.connect


def _connect_locally(self, address):
    if self.family != socket.AF_UNIX and address[0] not in _LOOPBACK:
        raise AssertionError(f"a test tried to connect to {address[0]}")
    return _connect(self, address)


# One fixture, because each takes a tenth of a millisecond of every test.
@pytest.fixture(autouse=True)
def isolation(home, single_ca_file, monkeypatch):
    """Give the test a home and no other variables or hosts; remove its files and set-up of logs."""
    os.environ.pop("MERLIN_TEXT_KEY", None)
    for name in [key for key in os.environ if key.startswith(_OWN_VARIABLES)]:
        if name != "MERLIN_REQUIRE_ALL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "boris")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "boris@example.com")
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    monkeypatch.setenv("MERLIN_REPORTS", str(home / "reports"))
    monkeypatch.setenv("SSL_CERT_FILE", str(single_ca_file))
    monkeypatch.setattr(socket.socket, "connect", _connect_locally)
    yield
    for path in home.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    # Of a test on PostgreSQL: the next module's fixtures begin before its first test.
    os.environ.pop("MERLIN_TEXT_KEY", None)
    _reset_logs()


@pytest.fixture(scope="session")
def postgresql():
    """Yield a real PostgreSQL; without its programs skip the test, or fail if all are required."""
    # Imported here: most tests need no database server, and its driver is slow to import.
    from tests.support import postgresql
    from tests.support.machine import skip_or_fail

    skip_or_fail(postgresql.reason_unavailable())
    with postgresql.run_server() as server:
        yield server
