"""`merlin backup` and `merlin restore` on the state of a busy installation."""

import gzip
import hashlib
import io
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from pathlib import Path
from subprocess import PIPE

import pytest
import yaml

from merlin.cli import main
from merlin.config.reading import load
from merlin.core.clock import iso, utc_now
from merlin.core.heartbeat import Heartbeat
from merlin.db import backup
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.processes import Heartbeats, Lead
from tests.support.archives import unpack
from tests.support.ending import wait_for_end
from tests.support.http_servers import Handler, serve_http
from tests.support.machine import require_root
from tests.support.standard_input import pipe
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration

PACKED = Path(__file__).parents[1] / "upgrade/state.tar.xz"
COUNTED = ("person", "turn", "purchase", "taught_example", "model", "job")


def configured(folder, url=None):
    config = {
        "state_dir": str(folder / "state"),
        "repository": {"url": str(folder)},
        "providers": [{"name": "p", "base_url": "http://127.0.0.1:9/v1"}],
        **({"database": url} if url else {}),
    }
    folder.mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@pytest.fixture(scope="module")
def unpacked_state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    unpack(PACKED, folder)
    (database,) = folder.rglob("merlin.db")
    with open_database(f"sqlite://{database}") as opened:
        migrate(opened)
    return database.parent


@pytest.fixture
def config_path(tmp_path, unpacked_state):
    """Return a configuration over a copy of that state."""
    path = configured(tmp_path / "here")
    subprocess.run(["cp", "-a", unpacked_state, tmp_path / "here/state"], check=True)
    return path


def run(capfd, *words):
    capfd.readouterr()
    return main([*map(str, words)]), capfd.readouterr()


def run_backup(capfd, config_path, *words):
    code, captured = run(
        capfd,
        "backup",
        config_path.parent / "kept",
        "--json",
        "--config",
        config_path,
        *words,
    )
    assert code == 0, captured.err
    return Path(json.loads(captured.out)["path"])


def count_rows(database):
    with closing(sqlite3.connect(database)) as opened:
        return [
            opened.execute(f"SELECT COUNT(*) FROM {name}").fetchone()  # noqa: S608
            for name in COUNTED
        ]


def list_files(state):
    folders = ("builds", "engine/files", "engine/models")
    paths = (
        path for name in folders for path in (state / name).rglob("*") if path.is_file()
    )
    return {path.relative_to(state): path.read_bytes() for path in paths}


@pytest.fixture
def stored(config_path):
    """Return the database of that state."""
    return config_path.parent / "state/merlin.db"


@pytest.fixture
def archive(capfd, config_path):
    """Return a backup of that state."""
    return run_backup(capfd, config_path)


def test_backup_during_writes_is_consistent_and_can_be_restored_elsewhere(
    config_path, tmp_path, capfd
):
    state = config_path.parent / "state"
    begun = threading.Event()
    stop = threading.Event()

    def write():
        with closing(sqlite3.connect(state / "merlin.db", timeout=60)) as database:
            while not stop.is_set():
                with database:
                    database.execute(
                        "UPDATE change_counter SET counter = counter + 1 WHERE id = 1"
                    )
                    database.execute(
                        "UPDATE turn SET cost_micro ="
                        " (SELECT counter FROM change_counter WHERE id = 1)"
                    )
                begun.set()  # the earlier database has other costs

    writing = threading.Thread(target=write)
    writing.start()
    assert begun.wait(longest())
    try:
        archive = run_backup(capfd, config_path, "--with-key")
    finally:
        stop.set()
        wait_for_end(writing)
    there = configured(tmp_path / "there")
    code, captured = run(capfd, "restore", archive, "--config", there)
    assert code == 0, captured.err
    new = there.parent / "state"
    assert count_rows(new / "merlin.db") == count_rows(state / "merlin.db")
    with closing(sqlite3.connect(new / "merlin.db")) as database:
        (counter,) = database.execute(
            "SELECT counter FROM change_counter WHERE id = 1"
        ).fetchone()
        assert database.execute("SELECT DISTINCT cost_micro FROM turn").fetchall() == [
            (counter,)
        ]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert list_files(new) == list_files(state) != {}
    assert (new / "text.key").read_bytes() == (state / "text.key").read_bytes()
    assert (new / "merlin.db").stat().st_mode & 0o777 == 0o600
    assert not [path for path in new.iterdir() if path.name.startswith(".")]


def test_backup_follows_no_link_out_of_the_state_folder(config_path, tmp_path, capfd):
    secret = tmp_path / "secret"
    secret.write_text("sk-canary-0123456789")
    files = config_path.parent / "state/engine/files"
    files.mkdir(parents=True, exist_ok=True)
    (files / "link").symlink_to(secret)
    (files / "kept").write_text("kept")
    with tarfile.open(run_backup(capfd, config_path)) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert "kept" in names
    assert "link" not in names


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_backup_to_stdout_can_be_interrupted(config_path, capfd, is_interrupted):
    words = ["-m", "merlin", "backup", "-", "--config", str(config_path)]
    archive = config_path.with_name("archive")
    with subprocess.Popen([sys.executable, *words], stdout=PIPE) as process:
        # The archive does not fit into the pipe: nothing ends before it is read.
        wait_until(lambda: [*(config_path.parent / "state").glob(".backup-*")])
        if is_interrupted:
            process.send_signal(signal.SIGINT)
        archive.write_bytes(process.stdout.read())
    assert process.returncode == (130 if is_interrupted else 0)
    assert not [*(config_path.parent / "state").glob(".backup-*")]
    if not is_interrupted:
        assert (
            run(capfd, "restore", archive, "--dry-run", "--config", config_path)[0] == 0
        )


def test_backup_into_an_existing_file_names_both_ways_out(config_path, capfd):
    file = config_path.with_name("archive.tar.gz")
    file.write_text("mine")
    code, captured = run(capfd, "backup", file, "--config", config_path)
    assert (code, "a folder" in captured.err, "`merlin backup -`" in captured.err) == (
        2,
        True,
        True,
    )
    assert file.read_text() == "mine"


def test_archive_is_not_written_to_a_terminal(config_path, capfd, monkeypatch):
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stdout, monkeypatch.context() as at_terminal:
        at_terminal.setattr(sys, "stdout", stdout)
        code, captured = run(capfd, "backup", "-", "--config", config_path)
    os.close(screen)
    assert (code, "An archive isn't text" in captured.err) == (1, True)


def test_archive_whose_reader_ended_is_no_backup(config_path, capfd, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as piped:
        piped.setattr(sys, "stdout", stdout)
        code, captured = run(capfd, "backup", "-", "--config", config_path)
    assert (code, "don't use what it wrote" in captured.err) == (1, True)
    assert backup.find_last_backup(config_path.parent / "state") is None


@pytest.mark.parametrize(
    ("words", "code"),
    [(("backup", "/dev/null/kept"), 2), (("restore", "/nowhere/nothing.tar.gz"), 1)],
)
def test_path_that_cannot_be_made_or_is_missing_is_named(
    config_path, capfd, words, code
):
    ended, captured = run(capfd, *words, "--config", config_path)
    assert (ended, words[1].removesuffix("/kept") in captured.err) == (code, True)


def test_archive_is_read_from_standard_input(config_path, capfd, monkeypatch, archive):
    with archive.open("rb") as stdin:
        pipe(monkeypatch, stdin)
        words = ("restore", "-", "--dry-run", "--json", "--config", config_path)
        code, captured = run(capfd, *words)
    assert (code, json.loads(captured.out)["database"]) == (0, "sqlite")


def test_schema_is_updated_by_a_command_of_its_own(tmp_path, capfd):
    path = configured(tmp_path / "new")
    code, captured = run(capfd, "upgrade", "--config", path)
    assert (code, captured.err.splitlines()[-1]) == (0, "Next: merlin doctor")
    assert count_rows(tmp_path / "new/state/merlin.db") == [(0,)] * len(COUNTED)


def test_existing_database_is_replaced_only_on_request_and_kept_beside(
    config_path, capfd, archive, stored
):
    with closing(sqlite3.connect(stored)) as opened, opened:
        opened.execute("DELETE FROM rating")
        opened.execute("DELETE FROM turn")
    before = count_rows(stored)
    code, captured = run(capfd, "restore", archive, "--config", config_path)
    assert (code, "--replace" in captured.err) == (1, True)
    assert count_rows(stored) == before
    code, captured = run(
        capfd, "restore", archive, "--config", config_path, "--replace"
    )
    assert code == 0, captured.err
    assert count_rows(stored) != before
    (copy,) = stored.parent.glob("merlin.db.before-*")
    assert count_rows(copy) == before
    (line,) = [
        line
        for line in captured.err.splitlines()
        if "former databases are kept" in line
    ]
    named = line.partition(": rm ")[2].split()
    assert named == sorted(map(str, stored.parent.rglob("*.before-*")))


def truncate(content):
    return content[: len(content) // 2]


def change_archive(content):
    plain = bytearray(gzip.decompress(content))
    plain[600] ^= 1
    return gzip.compress(bytes(plain), 1)


def remove_manifest(content):
    return gzip.compress(gzip.decompress(content).replace(b'"schema"', b'"scheme"'), 1)


def set_newer_schema(content):
    return gzip.compress(gzip.decompress(content).replace(b'"m001_', b'"m999_'), 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "isn't a complete backup"),
        (change_archive, "isn't a complete backup"),
        (remove_manifest, "isn't a complete backup: manifest.json"),
        (set_newer_schema, "newer"),
        (
            lambda _: b"merlin backup 1\n\x1b[2J",
            "isn't a complete backup: the archive is cut off",
        ),
    ],
)
def test_broken_or_newer_archive_changes_nothing(
    config_path, capfd, damage, message, archive, stored
):
    archive.write_bytes(damage(archive.read_bytes()))
    before = stored.read_bytes()
    for how in ("--replace", "--dry-run"):
        code, captured = run(capfd, "restore", archive, "--config", config_path, how)
        assert (code, message in captured.err) == (1, True), captured.err
    assert stored.read_bytes() == before
    assert not [
        path for path in stored.parent.iterdir() if path.name.startswith(".restore")
    ]


def test_backup_replaces_a_damaged_database_as_doctor_advises(
    config_path, capfd, archive, stored
):
    before = count_rows(stored)
    size = stored.stat().st_size
    with stored.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    output = run(capfd, "doctor", "--json", "--config", config_path)[1].out
    advised = [
        load["what"] for load in json.loads(output) if "restore your" in load["detail"]
    ]
    assert "database" in advised
    code, captured = run(
        capfd, "restore", archive, "--config", config_path, "--replace"
    )
    assert code == 0, captured.err
    assert count_rows(stored) == before


def test_restored_files_belong_to_the_folders_owner_and_the_missing_key_is_named(
    config_path, tmp_path, capfd, archive
):
    new = configured(tmp_path / "new")
    require_root("give files away")
    state = new.parent / "state"
    nobody = 65534
    state.mkdir(mode=0o700)
    os.chown(state, nobody, nobody)
    code, captured = run(capfd, "restore", archive, "--config", new)
    assert (code, "put your copy of it back into text.key" in captured.err) == (
        0,
        True,
    ), captured.err
    assert {path.lstat().st_uid for path in state.rglob("*")} == {nobody}
    assert run(capfd, "users", "list", "--config", new)[0] == 0


class RunningEngine(Handler):
    """Answers probes as the engine does."""

    def get(self):
        self.answer(200, b'{"status": "ok"}')


def test_restore_names_every_process_that_runs(config_path, capfd, archive):
    with serve_http(RunningEngine) as engine:
        settings = yaml.safe_load(config_path.read_text("utf-8"))
        settings["providers"] = [{"name": "engine", "base_url": f"{engine.url}/v1"}]
        settings["engine"] = {"listen": f"127.0.0.1:{engine.server_port}"}
        config_path.write_text(yaml.safe_dump(settings), "utf-8")
        config = load(config_path)
        with (
            open_database(config.database) as database,
            Lead(config.state_dir, config.database),
        ):
            for name in ("daemon", "bot", "api"):
                Heartbeats(database).beat(
                    Heartbeat(name, "here", 1, utc_now(), utc_now())
                )
            before = list_files(config.state_dir)
            code, captured = run(
                capfd, "restore", archive, "--config", config_path, "--replace"
            )
            words = "running: api, bot, daemon, engine."
            assert (code, words in captured.err) == (1, True), captured.err
            assert list_files(config.state_dir) == before


def test_interrupted_restore_blocks_every_start_and_is_completed_by_the_same_command(
    config_path, tmp_path, capfd, archive
):
    there = configured(tmp_path / "there")
    words = ["restore", str(archive), "--config", str(there)]
    dying = {**os.environ, "MERLIN_CRASH_AT": "restore.moving"}
    died = subprocess.run(
        [sys.executable, "-m", "merlin", *words], env=dying, check=False
    )
    assert died.returncode == 137
    for command in ("users", "daemon", "engine", "backup"):
        more = ["list"] if command == "users" else []
        code, captured = run(capfd, command, *more, "--config", there)
        assert (code, "merlin restore ARCHIVE --replace" in captured.err) == (
            2,
            True,
        ), captured.err
    assert run(capfd, *words)[0] == 0
    assert not [*there.parent.glob("state/.*")], (
        "what the killed run unpacked is removed"
    )
    assert count_rows(there.parent / "state/merlin.db") == count_rows(
        config_path.parent / "state/merlin.db"
    )
    assert run(capfd, "users", "list", "--config", there)[0] == 0


def test_archive_is_synced_in_pieces_and_the_number_of_archives_is_limited(
    config_path, capfd, monkeypatch
):
    synced = []
    open_file = os.open

    def open_and_record(path, flags, *rest, **options):
        if flags & os.O_DSYNC == os.O_DSYNC:
            synced.append(Path(path).name)
        return open_file(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", open_and_record)
    old = config_path.parent / "kept/merlin-20200101T000000Z.tar.gz"
    old.parent.mkdir()
    old.write_bytes(b"")
    beside = old.with_name("notes.txt")
    beside.write_text("mine")
    cut_off, used = (
        old.with_name(f".merlin-2020010{day}T000000Z.tar.gz.part") for day in (1, 2)
    )
    cut_off.write_bytes(b"")
    used.write_bytes(b"")
    copy = config_path.parent / "state/.backup-cut-off"
    copy.mkdir()
    for left in (cut_off, copy):
        os.utime(left, (0, 0))
    made = [run_backup(capfd, config_path, "--keep", "2") for _ in range(2)]
    assert sorted(old.parent.glob("*.gz")) == made
    # To the microsecond: the second of two within a second would replace the first.
    assert all(
        re.fullmatch(r"merlin-\d{8}T\d{6}\.\d{6}Z\.tar\.gz", path.name) for path in made
    )
    assert synced == [f".{path.name}.part" for path in made]
    assert [path.exists() for path in (beside, used, cut_off, copy)] == [
        True,
        True,
        False,
        False,
    ]


def forge_archive(path, name, kind=tarfile.REGTYPE):
    """Write an archive whose manifest lists one member, in a way `merlin backup` never does."""
    member = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    manifest_fields = {
        "created_at": iso(utc_now()),
        "database": "sqlite",
        "schema": [],
        "merlin": "9",
    }
    manifest = json.dumps(
        {**manifest_fields, "format": 1, "members": {name: member}}
    ).encode()
    with tarfile.open(path, "w:gz") as archive:
        for each, content in ((name, b"x"), ("manifest.json", manifest)):
            info = tarfile.TarInfo(each)
            if each == name and kind != tarfile.REGTYPE:
                info.type = kind
                info.linkname = "/etc/passwd"
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("builds/../mirror.git/hooks/reference-transaction", tarfile.REGTYPE),
        ("builds/face/1-a/train.jsonl", tarfile.SYMTYPE),
        ("engine/files/a", tarfile.FIFOTYPE),
    ],
)
def test_archive_that_writes_outside_the_state_is_refused(tmp_path, capfd, name, kind):
    forge_archive(tmp_path / "x.tar.gz", name, kind)
    there = configured(tmp_path / "d")
    code, captured = run(capfd, "restore", tmp_path / "x.tar.gz", "--config", there)
    assert (code, "isn't a complete backup" in captured.err) == (1, True)
    assert not [*(there.parent / "state").iterdir()]
    assert not (tmp_path / "d/outside").exists()


def test_database_kept_by_a_restore_has_what_a_killed_process_left_in_its_log(
    config_path, capfd, archive, stored
):
    log = stored.with_name("merlin.db-wal")
    with closing(sqlite3.connect(stored)) as opened:
        with opened:
            opened.execute("DELETE FROM rating")
            opened.execute("DELETE FROM turn")
        as_killed = stored.read_bytes(), log.read_bytes()
    log.write_bytes(as_killed[1])
    stored.write_bytes(as_killed[0])
    at = utc_now()
    with archive.open("rb") as source:
        backup.restore_backup(source, stored.parent, f"sqlite://{stored}", at)
    (copy,) = stored.parent.glob("merlin.db.before-*")
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT COUNT(*) FROM turn").fetchone() == (0,)
