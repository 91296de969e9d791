"""Isolation that cannot be forgotten: no real home, no outside network, one git identity."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import certifi

# Before any command of the bot, run in this process, can leave PostgreSQL's driver out of it
# (`cli.processes`): the tests after it may want it.
import peewee  # noqa: F401
import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support import sampling
from tests.support.full_config import SECRETS

pytest_plugins = ["tests.support.database_fixtures", "tests.support.scripted_server"]

# Two threads of BLAS or torch on a busy machine take five times as long as one; set before
# either loads.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"


MEMORY = "/dev/shm"  # noqa: S108 - pytest makes a folder of its own in it


def _lie_in_memory():
    """Let temporary folders lie in memory where there is room: a disk's fsync takes 3 ms."""
    with suppress(OSError):
        memory = os.statvfs(MEMORY)
        is_roomy = memory.f_bavail * memory.f_frsize > 4 << 30
        if is_roomy and not memory.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


_lie_in_memory()

# What is started in the background ignores an interrupt, and so would every command of a test.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _log_plainly():
    """Let logs be written as where nothing is set up, but for traces: rich's take 2 s of CPU."""
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    # To standard error as it is at each line: a command's output is read from standard output.
    structlog.configure(
        [*processors, plain], logger_factory=lambda *_: structlog.PrintLogger(sys.stderr)
    )
    return structlog.get_config()


_PLAIN_LOGS = _log_plainly()


# An example that meets a busy machine is as good as any other.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from tests.support.xdist_schedule import LongFilesFirst

    config.option.loadscopereorder = False
    return LongFilesFirst(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    # Tests wait for processes, pages and files half of their time.
    return (os.cpu_count() or 1) + 3


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Fail a test with whose logs a secret of the tests' world was written.

    What is captured here was not redacted: only logs of processes of their own are.
    """
    report = yield
    told = [name for name, said in report.sections for secret in SECRETS if secret in said]
    if report.passed and told:
        report.outcome, report.longrepr = "failed", f"a secret stands in {told}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Let the garbage collector pass over what is collected: it stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config, items):
    if sampling.is_wanted():
        items[:], left_out = sampling.parted(items)
        config.hook.pytest_deselected(items=left_out)
    if hasattr(config, "workerinput"):
        from tests.support.xdist_schedule import long_first

        items[:] = long_first(items)


def pytest_unconfigure():
    # A process of xdist ends without its `atexit`.
    if databases := sys.modules.get("tests.support.migrated_databases"):
        databases.end()


def pytest_terminal_summary(terminalreporter):
    if sampling.is_wanted():
        told = f"a sample, MERLIN_SEED={sampling.seed()}; MERLIN_REQUIRE_ALL=1 runs every test"
        terminalreporter.write_line(told)


_LOOPBACK = {"127.0.0.1", "::1", "localhost", ""}
# A command that runs in the tests' own process names the folder of its secrets for good.
_OURS = ("GIT_", "MERLIN_", "CREDENTIALS_DIRECTORY")


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory):
    """Return a file of one certificate to trust: each HTTP client reads all, 25 ms for 150."""
    end = "-----END CERTIFICATE-----\n"
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    path.write_text(Path(certifi.where()).read_text("utf-8").partition(end)[0] + end, "utf-8")
    return path


@pytest.fixture(autouse=True)
def home_is_a_temporary_folder(home, monkeypatch):
    for name in [key for key in os.environ if key.startswith(_OURS)]:
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
    monkeypatch.setenv("MERLIN_REPORTS", str(home / "reports"))
    yield
    for left in home.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


@pytest.fixture(autouse=True)
def nothing_outside_is_trusted(one_authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))


@pytest.fixture(autouse=True)
def network_ends_at_the_loopback(monkeypatch):
    connect = socket.socket.connect

    def connect_here(self, address):
        if self.family != socket.AF_UNIX and address[0] not in _LOOPBACK:
            raise AssertionError(f"a test wanted to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


@pytest.fixture(scope="session")
def postgresql():
    """Yield a real PostgreSQL; without its programs a test is skipped, or fails where required."""
    # Imported here: most tests need no database server, and its driver takes its time.
    from tests.support import postgresql
    from tests.support.machine import skip_or_fail

    skip_or_fail(postgresql.why_not())
    with postgresql.running() as server:
        yield server


@pytest.fixture(autouse=True)
def logs_are_set_up_by_nobody_else():
    """Forget what a command that ran in this process said of its logs."""
    yield
    if structlog.get_config() != _PLAIN_LOGS:
        structlog.configure(**_PLAIN_LOGS)
