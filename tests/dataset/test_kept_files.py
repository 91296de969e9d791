"""What a check keeps of files: the next check gives the same as one that reads all of them."""

import os
import random

import pytest
import yaml

from merlin.dataset.builds import make_build, write_build
from merlin.dataset.check import check
from merlin.dataset.kept_files import KeptFiles
from tests.support.dataset_tree import FileTree, example_yaml, make_good_files
from tests.support.file_mutations import GOOD, mutate
from tests.support.forked_processes import run_forked

pytestmark = pytest.mark.unit

RECIPES = (
    {"provider": "engine", "base_model": "recall"},
    {"provider": "engine", "base_model": "lora", "method": "dpo"},
    {"provider": "openai", "base_model": "gpt", "method": "kto"},
    {"provider": "openai", "base_model": "gpt"},
)
LIMITS = {"recall": 40, "lora": 40, "gpt": 40}
CALL = """\
messages:
  - user: Сколько?
  - role: assistant
    tool_calls: [{id: a, type: function, function: {name: x, arguments: '{}'}}]
  - {role: tool, content: "2", tool_call_id: a}
  - assistant: Два.
tools: [{type: function, function: {name: x}}]
"""
ASKED = (
    example_yaml("Вопрос 1 о лице", "Иначе."),
    example_yaml("Вопросы 1 о лице", "Пишите на anna@example.com."),
    example_yaml("Вопрос 2 о лице", "Ответ 1", "split: test\n"),
    example_yaml("Что длинно?", "слово " * 60),
    example_yaml("Что лучше?", "Да.", "rejected: Нет.\n"),
    example_yaml("Что лучше?", "Да.", "rejected: Никак.\n"),
    f"messages:\n  - system: Считай.\n{example_yaml().removeprefix('messages:')}",
    CALL,
)


def make_spec(rng):
    spec = {"title": {"ru": "Проба"}, "system": rng.choice(("Кратко.", "Подробно."))}
    spec["recipe"] = rng.choice(RECIPES)
    spec["split"] = {"test": rng.choice((0, 0.3)), "salt": rng.choice("ab")}
    spec["check"] = {"allow": rng.choice(({}, {"anna@example.com": "Публичный"}))}
    return yaml.safe_dump(spec, allow_unicode=True)


def change(rng, files):
    """Add, change, rename or delete a file, or change the settings."""
    path = rng.choice([path for path in files if path.startswith("examples/")])
    act = rng.randrange(12)
    new = f"examples/{rng.choice('abc')}{rng.randrange(9)}.yaml"
    if act == 0:
        files["dataset.yaml"] = make_spec(rng)
    elif act == 1:
        files[new] = files.pop(path)
    elif act == 2:
        del files[path]
    else:
        text = rng.choice((*ASKED, *GOOD))
        files[rng.choice((path, new))] = (
            mutate(rng, text) if rng.random() < 0.3 else text
        )


def spoil(rng, place):
    """Damage what is kept sometimes; return the code that the next check is of."""
    content = place.read_bytes()
    at = rng.randrange(place.stat().st_size)
    act = rng.randrange(9)
    if act == 0:
        place.write_bytes(content[:at])
    elif act == 1:
        place.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    return b"another version" if act == 2 else None


def describe(checked, folder):
    """Return all that people and trainers get of a check, with the bytes of its build."""
    sides = checked.sides
    report = [checked.findings, checked.rejected, checked.spec, sides, checked.found]
    report += [
        [each.path for each in part] for part in (checked.examples, checked.duplicates)
    ]
    if not checked.is_buildable:
        return report
    build = make_build(checked)
    written = write_build(build, folder, 1)
    taught = {
        name: (each.blob, build.dump_messages(name))
        for name, each in build.examples.items()
    }
    return [
        *report,
        taught,
        build.tokens,
        {path.name: path.read_bytes() for path in written.iterdir()},
    ]


@pytest.mark.parametrize("seed", range(6))
def test_kept_files_give_what_all_files_give(seed, tmp_path, monkeypatch):
    rng = random.Random(seed)  # noqa: S311 - repeatable
    place = tmp_path / "kept" / "checked"
    files = make_good_files(30)
    built = 0
    for path in [*files][::2]:
        files[path] += "rejected: Нет.\n" * path.startswith("examples/")
    code = None
    for step in range(25):
        change(rng, files)
        tree = FileTree(files)
        kept = KeptFiles(place, code)
        checked = tree.check(limit_tokens=LIMITS, parsed=kept)
        kept.save()
        fresh = describe(tree.check(limit_tokens=LIMITS), tmp_path / f"fresh{step}")
        assert describe(checked, tmp_path / f"of-kept{step}") == fresh
        built += checked.is_buildable
        code = spoil(rng, place)
    assert built


def check_kept(files, place):
    """Check with what is kept; return the paths of the files that were read."""
    tree = FileTree(files)
    kept = KeptFiles(place)
    tree.check(parsed=kept)
    kept.save()
    blobs = {entry.blob: entry.path for entry in tree.entries}
    return {blobs[blob] for blob in tree.read_blobs} - {"dataset.yaml"}


def test_only_what_changed_is_read_and_what_went_is_not_kept(tmp_path):
    files = make_good_files(20)
    place = tmp_path / "checked"
    assert len(check_kept(files, place)) == 20
    more = {f"examples/{number}.yaml": text for number, text in enumerate(ASKED)}
    assert check_kept(files | more, place) == {*more}
    assert check_kept(files, place) == set()
    assert check_kept(files | more, place) == {*more}


def test_file_missing_in_the_repository_is_a_finding_until_it_is_there(tmp_path):
    place = tmp_path / "checked"
    tree = FileTree(make_good_files(10))
    absent = tree.entries[-1]
    content = tree.blobs.pop(absent.blob)

    def check_now():
        kept = KeptFiles(place)
        found = check("trial", tree.entries, read_present, parsed=kept).findings
        kept.save()
        return [each.path for each in found if each.rule == "unreadable"]

    def read_present(blobs):
        return tree.read(blob for blob in blobs if blob in tree.blobs)

    assert check_now() == [absent.path]
    tree.blobs[absent.blob] = content
    assert check_now() == []


def test_every_one_of_many_files_is_kept(tmp_path):
    files = make_good_files(600)
    assert len(check_kept(files, tmp_path / "checked")) == 600
    assert check_kept(files, tmp_path / "checked") == set()


def save_until_crash(files, place):
    os.environ["MERLIN_CRASH_AT"] = "kept.before_rename"
    check_kept(files, place)


def test_a_kill_leaves_what_was_kept_before(tmp_path):
    files = make_good_files(20)
    place = tmp_path / "checked"
    check_kept(files, place)
    more = {"examples/more.yaml": ASKED[0]}
    assert run_forked(save_until_crash, files | more, place) == 137
    assert check_kept(files | more, place) == {*more}
