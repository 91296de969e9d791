"""A lost database: nothing begins on an empty one; builds get their numbers back, none twice."""

import shutil

import pytest
import yaml

from merlin.app import builds
from merlin.app.actor import Actor
from merlin.core.errors import Refused
from merlin.db.database import open_database
from merlin.wiring.context import open_read_only, open_reading_context
from tests.support import forked_processes
from tests.support.migrated_databases import drop_database
from tests.support.pipeline_lab import run_command, serving

pytestmark = pytest.mark.integration

NOTES = "--ref=refs/notes/merlin"


def delete_state(lab, *names):
    """Delete the database, and the named parts of the state folder."""
    drop_database(lab.config.database)
    for name in names:
        shutil.rmtree(lab.config.state_dir / name)


def build_numbers(lab, dataset="trial"):
    """Return digest -> number of the builds in the database."""
    with open_reading_context(lab.config) as ctx:
        recent = builds.list_recent(ctx, Actor.operator(), dataset)
        return {build.digest: build.number for build in recent}


def push_notes(lab):
    text = lab.path.read_text()
    lab.path.write_text(text.replace("interval_s: 0.2", "interval_s: 0.2\n  push: true"))


def mirror_notes(lab, *arguments):
    mirror = f"--git-dir={lab.config.state_dir / 'mirror.git'}"
    return lab.repository.git(
        mirror, "-c", "user.name=a", "-c", "user.email=a@b", "notes", NOTES, *arguments
    )


def commit_example(lab, number, dataset="trial"):
    lab.repository.example(dataset, number)
    return lab.repository.commit()


def train_three(lab):
    """Train and promote three builds; return digest -> number of all."""
    lab.until_serving("trial-1")
    for build in (2, 3):
        commit_example(lab, 50 + build)
        lab.until_serving(f"trial-{build}")
    return build_numbers(lab)


def test_same_builds_get_their_numbers_again_and_new_ones_a_higher_number(trained_lab):
    numbers_before = build_numbers(trained_lab)
    delete_state(trained_lab, "builds")
    trained_lab.until_serving("trial-3")
    assert build_numbers(trained_lab).items() <= numbers_before.items()
    commit_example(trained_lab, 60)
    trained_lab.until_serving("trial-4")
    trained_lab.repository.git("revert", "--no-edit", "HEAD", "HEAD~1")
    trained_lab.until_serving("trial-2")
    assert {
        digest: numbers_before.get(digest, 4) for digest in build_numbers(trained_lab)
    } == build_numbers(trained_lab)


def test_notes_are_fetched_from_the_repository_when_the_whole_state_is_lost(lab):
    push_notes(lab)
    known = train_three(lab)
    delete_state(lab, "builds", "mirror.git")
    commit_example(lab, 60)
    lab.until_serving("trial-4")
    lab.repository.git("revert", "--no-edit", "HEAD")
    lab.until_serving("trial-3")
    assert known.items() & build_numbers(lab).items()


@serving
def test_state_restored_from_a_backup_uses_the_newer_notes(lab):
    push_notes(lab)
    backup = lab.folder / "backup"
    shutil.copytree(lab.config.state_dir, backup)
    commit_example(lab, 52)
    lab.until_serving("trial-2")
    shutil.rmtree(lab.config.state_dir)
    backup.rename(lab.config.state_dir)
    commit_example(lab, 53)
    lab.until_serving("trial-3")


def test_missing_and_damaged_notes_still_lead_to_higher_numbers(trained_lab):
    first, second, third = trained_lab.repository.git("rev-list", "--reverse", "HEAD").split()
    mirror_notes(trained_lab, "remove", first)
    mirror_notes(trained_lab, "add", "-f", "-m", "merlin: dataset=trial verdict=se", second)
    note = mirror_notes(trained_lab, "show", third)
    damaged = f"\x01\n{'9' * 400}\nmerlin: dataset=trial verdict=x build=trial-99999 digest=1\n"
    mirror_notes(trained_lab, "add", "-f", "-m", damaged + note, third)
    delete_state(trained_lab, "builds")
    commit_example(trained_lab, 60)
    trained_lab.until_serving("trial-4")


@serving
def test_without_notes_recovery_begins_anew_and_builds_keep_the_numbers_of_their_folders(lab):
    commit_example(lab, 52)
    lab.tick("fetch")
    mirror_notes(lab, "remove", "--ignore-missing", *lab.repository.git("rev-list", "HEAD").split())
    delete_state(lab)
    commit_example(lab, 53)
    assert run_command("recover", "--config", str(lab.path))[0] == 0
    lab.until_serving("trial-3")


@pytest.mark.parametrize("arguments", [("daemon",), ("bot",), ("api",), ("users", "add", "boris")])
def test_nothing_begins_on_an_empty_database_where_there_are_builds(lab, arguments):
    settings = yaml.safe_load(lab.path.read_text())
    lab.path.write_text(yaml.safe_dump({**settings, "telegram": {}, "api": {}}))
    lab.tick("fetch")
    delete_state(lab)
    command = [*arguments, "--config", str(lab.path)]
    log, environment = lab.folder / "output.log", {"TELEGRAM_BOT_TOKEN": "1:token"}
    process = forked_processes.start_function(
        forked_processes.run_command, command, log, environment
    )
    assert forked_processes.wait_for_exit(process) == 1
    assert "merlin restore ARCHIVE" in log.read_text()
    with pytest.raises(Refused, match="builds without a database"), open_read_only(lab.config):
        """Still lost: no schema was made."""


def test_empty_database_is_not_backed_up_in_place_of_good_archives(lab):
    lab.tick("fetch")
    delete_state(lab)
    with open_database(lab.config.database):
        """A file without tables."""
    code, _, err = run_command("backup", str(lab.folder / "backups"), "--config", str(lab.path))
    assert (code, list((lab.folder / "backups").iterdir())) == (1, [])
    assert "merlin restore" in err


@serving
def test_numbers_of_two_datasets_are_independent(lab):
    commit_example(lab, 52)
    lab.until_serving("trial-2")
    lab.repository.dataset("trial-2")
    lab.repository.commit()
    lab.until_serving("trial-2-1", "trial-2")
    known = build_numbers(lab) | build_numbers(lab, "trial-2")
    delete_state(lab, "builds")
    lab.until_serving("trial-2")
    lab.until_serving("trial-2-1", "trial-2")
    assert (build_numbers(lab) | build_numbers(lab, "trial-2")).items() <= known.items()
    commit_example(lab, 60, "trial-2")
    lab.until_serving("trial-2-2", "trial-2")


@serving
def test_number_named_by_two_notes_is_used_once(lab):
    commit_example(lab, 52)
    lab.until_serving("trial-2")
    [first, second] = lab.repository.git("rev-list", "--reverse", "HEAD").split()
    note = mirror_notes(lab, "show", second).replace("build=trial-2", "build=trial-1")
    mirror_notes(lab, "add", "-f", "-m", note, second)
    delete_state(lab, "builds")
    lab.until_serving("trial-1")
    lab.repository.git("revert", "--no-edit", "HEAD")
    lab.until_serving("trial-2")
    assert mirror_notes(lab, "show", first)
