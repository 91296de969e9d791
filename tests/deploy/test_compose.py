"""Every service of the compose file with everything switched on, without a container engine.

A service's command runs with its environment; /run/secrets and /etc/merlin are replaced by folders
of the test.
"""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import yaml

from merlin.core.connections import tls_context
from merlin.core.server import free_ports
from tests.support.forked_processes import (
    run_command,
    start_with_environment,
    wait_for_exit,
)
from tests.support.full_config import CREDENTIALS, PROCESSES, TOKEN, full_config
from tests.support.machine import require_root
from tests.support.postgresql import BIN
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))["services"]
SERVE_S = 90.0
STOP_S = 30.0


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / "datasets/neurotypology", folder / "datasets/neurotypology")
    author = ("-c", "user.name=boris", "-c", "user.email=boris@example.com")
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("commit", "-q", "-m", "Begin"),
    ):
        subprocess.run(["git", *author, *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture
def root(tmp_path, repository):
    """A folder instead of the containers' root: configuration, secrets and state."""
    api, engine = (f"127.0.0.1:{port}" for port in free_ports(2))
    with TelegramStandIn(token=TOKEN) as telegram:
        text = full_config(
            tmp_path / "state",
            repository,
            telegram=telegram.page_url.rstrip("/"),
            api=api,
            engine=engine,
        )
        (tmp_path / "config.yaml").write_text(text, "utf-8")
        make_certificates(tmp_path / "certificates")
        for name in PROCESSES:
            folder = tmp_path / "secrets" / name
            folder.mkdir(parents=True)
            for secret in SERVICES[name]["secrets"]:
                (folder / secret).write_text(CREDENTIALS.get(secret, ""), "utf-8")
        yield tmp_path


def make_certificates(folder):
    """Run the command of the service `certificates` in this folder."""
    require_root("give keys to the users of the containers")
    folder.mkdir(exist_ok=True)
    definition = SERVICES["certificates"]
    (command,) = definition["command"]
    command = command.replace("/run/certificates", str(folder)).replace("$$", "$")
    subprocess.run(
        [*definition["entrypoint"], command], capture_output=True, check=True
    )


class Service:
    """A service that runs as a process, without a container."""

    def __init__(self, root, name):
        self.name = name
        self._root = root
        self._definition = SERVICES[name]
        variables = {
            key: self._replace_paths(value)
            for key, value in self._definition["environment"].items()
        }
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(root), **variables}
        self.log = root / f"{name}.log"

    def _replace_paths(self, path):
        path = path.replace("/run/certificates", str(self._root / "certificates"))
        path = path.replace("/run/secrets", str(self._root / "secrets" / self.name))
        return path.replace("/etc/merlin", str(self._root))

    def _start(self, arguments, log):
        return start_with_environment(
            run_command,
            [self._replace_paths(argument) for argument in arguments],
            log,
            self._environment,
        )

    @contextmanager
    def run(self):
        process = self._start(self._definition["command"], self.log)
        try:
            yield process
        finally:
            process.terminate()
            process.join(STOP_S)

    def is_healthy(self):
        arguments = self._definition["healthcheck"]["test"][2:]
        return wait_for_exit(self._start(arguments, self._root / "health.log")) == 0


@pytest.mark.parametrize("name", PROCESSES)
def test_service_with_everything_enabled_starts_and_is_healthy(root, name):
    service = Service(root, name)
    with service.run() as process:
        wait_until(
            lambda: not process.is_alive() or service.is_healthy(),
            SERVE_S,
            service.log.read_text,
        )
        assert process.is_alive(), service.log.read_text()[-2000:]
    assert process.exitcode == 0, service.log.read_text()[-2000:]


def test_backup_service_dumps_postgresql_and_restores_it(postgresql, tmp_path):
    definition = SERVICES["backup"]
    place = psycopg.conninfo.conninfo_to_dict(postgresql.create())
    (tmp_path / "PGPASSWORD").write_text("secret", "utf-8")
    entry = [word.replace("$$", "$") for word in definition["entrypoint"]]
    entry = [word.replace("/run/secrets", str(tmp_path)) for word in entry]
    assert definition["environment"].keys() > {"PGHOST", "PGUSER", "PGDATABASE"}

    def run(*words, **given):
        named = {"PGHOST": "127.0.0.1", "PGPORT": place["port"], "PGUSER": "postgres"}
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            **named,
            "PGDATABASE": place["dbname"],
        }
        command = [*entry, *words]
        return subprocess.run(
            command, env=environment, capture_output=True, check=True, **given
        )

    assert run("printenv", "PGPASSWORD").stdout == b"secret\n"
    run("psql", "-qc", "CREATE TABLE kept AS SELECT 1")
    dump = run(*definition["command"]).stdout
    run("psql", "-qc", "DELETE FROM kept")
    page = (ROOT / "docs/en/operate.md").read_text("utf-8")
    (restore,) = re.findall(r"run --rm -T backup (pg_restore .*) < merlin.dump", page)
    run(*restore.replace("=merlin", f"={place['dbname']}").split(), input=dump)
    assert run("psql", "-Atc", "SELECT * FROM kept").stdout == b"1\n"


def test_certificates_of_engine_and_database_are_created_once_and_trusted(tmp_path):
    make_certificates(tmp_path)
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make_certificates(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents
    command = (
        "openssl",
        "verify",
        "-CAfile",
        tmp_path / "trusted.pem",
        "-verify_hostname",
    )
    for name, user in (("engine", 10001), ("postgres", 999)):
        certificate, key = (tmp_path / f"{name}.{end}" for end in ("pem", "key"))
        tls_context(certificate, key, name)
        assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (user, 0o600)
        assert (
            subprocess.run([*command, name, certificate], check=False).returncode == 0
        )
        assert subprocess.run(
            [*command, "example.com", certificate], check=False
        ).returncode


def test_handbook_creates_a_file_for_every_secret(tmp_path):
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    for language in ("en", "ru"):
        handbook = (ROOT / f"docs/{language}/install.md").read_text("utf-8")
        (command,) = (
            line[2:] for line in handbook.splitlines() if line.startswith("$ sed ")
        )
        secrets = tmp_path / "deploy/secrets"
        secrets.mkdir()
        subprocess.run(["sh", "-euc", command], cwd=tmp_path, check=True)
        assert {path.name for path in secrets.iterdir()} == {*CREDENTIALS}
        shutil.rmtree(secrets)
