"""Builds: the same content gives the same build; a folder appears whole or not at all."""

import hashlib
import json
import os
import random
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from merlin.core.clock import utc_now
from merlin.core.errors import DatasetError, NotFound
from merlin.core.messages import Message
from merlin.dataset.builds import (
    build_digest,
    describe_build,
    make_build,
    read_manifest,
    remove_folders,
    training_key,
    write_build,
)
from merlin.dataset.judge import TokenLimit
from merlin.dataset.published import dump_tests
from merlin.dataset.spec import Recipe
from tests.support.dataset_tree import (
    DATASET_YAML,
    check_files,
    example_yaml,
    make_good_files,
    read_build_file,
)
from tests.support.forked_processes import run_forked

pytestmark = pytest.mark.unit

BAD = {"examples/bad.yaml": example_yaml(answer='""')}
TWIN = {"examples/twin.yaml": example_yaml("Вопрос 0 о лице", "Ответ 0")}
MARKED = {
    "examples/marked.yaml": example_yaml("Как называется лоб?", more="split: test\n")
}


def build_files(files):
    return make_build(check_files(files))


@pytest.fixture
def content():
    return build_files(make_good_files(60))


def test_manifest_counts_every_file():
    content = build_files({**make_good_files(60), **BAD, **TWIN, **MARKED})
    manifest = content.manifest
    counts = manifest["counts"]
    assert counts["in"] == 63 == sum(counts.values()) - counts["in"]
    assert (counts["rejected"], counts["duplicate"]) == (1, 1)
    assert counts["train"] == [*content.checked.sides.values()].count("train")
    assert content.checked.sides["marked"] == "test"


def test_manifest_holds_what_training_and_tracing_need(content):
    manifest = content.manifest
    assert manifest["dataset"] == "neurotypology"
    assert manifest["system"] == "MerlinGPT is a good service!"
    assert manifest["recipe"] == {
        "provider": "engine",
        "base_model": "recall",
        "method": "supervised",
        "hyperparameters": {},
        "suffix": "neurotypology",
    }
    assert manifest["split"]["salt"] == "v1"
    assert manifest["sha256"] == {
        "train": hashlib.sha256(read_build_file(content, "train")).hexdigest(),
        "test": hashlib.sha256(read_build_file(content, "test")).hexdigest(),
    }
    limit = TokenLimit(manifest["system"], None)
    tokens = {
        side: sum(
            limit.total(example)
            for example in content.checked.examples
            if content.checked.sides[example.id] == side
        )
        for side in ("train", "test")
    }
    assert tokens == manifest["tokens"]
    assert json.loads(json.dumps(manifest)) == manifest


def test_digest_is_computed_from_both_files(content):
    hashes = content.manifest["sha256"]
    lines = f"train {hashes['train']}\ntest {hashes['test']}\n"
    assert content.digest == hashlib.sha256(lines.encode()).hexdigest()
    assert content.digest == build_digest(hashes["train"], hashes["test"])


def test_lines_are_in_the_order_of_example_ids(content):
    questions = [
        json.loads(line)["messages"][1]["content"]
        for line in read_build_file(content, "train").splitlines()
    ]
    ids = sorted(
        name for name, side in content.checked.sides.items() if side == "train"
    )
    assert [f"Вопрос {int(name[-4:])} о лице" for name in ids] == questions


def test_shuffled_files_give_the_same_build():
    files = {**make_good_files(60), **TWIN, **MARKED}
    expected = build_files(files)
    for seed in range(5):
        shuffled = list(files.items())
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - repeatable on purpose
        assert build_files(dict(shuffled)) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"README.md": "words"},
        {"examples/README.md": "words"},
        {"examples/q-again.yaml": example_yaml("Вопрос 1 о лице", "Ответ 0")},
        {
            "examples/face/q0001.yaml": "# a remark\n"
            + make_good_files(2)["examples/face/q0001.yaml"]
        },
    ],
)
def test_change_without_effect_on_training_keeps_the_digest(content, more):
    assert build_files({**make_good_files(60), **more}).digest == content.digest


def test_changed_word_or_system_text_changes_the_digest():
    other = DATASET_YAML.replace("good", "fine")
    digests = {
        build_files(make_good_files(60)).digest,
        build_files(make_good_files(61)).digest,
        build_files(make_good_files(60, other)).digest,
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("files", "key"),
    [
        (make_good_files(9), "build-too-few"),
        (make_good_files(60, "system: x\n"), "build-no-spec"),
        (
            {**make_good_files(60, DATASET_YAML + "strict: true\n"), **BAD},
            "build-strict",
        ),
    ],
)
def test_dataset_that_cannot_be_built_is_refused_with_a_reason(files, key):
    with pytest.raises(DatasetError) as error:
        build_files(files)
    assert error.value.key == key


def test_written_build_is_read_back_equal(content, tmp_path):
    folder = write_build(content, tmp_path / "neurotypology", 7)
    assert folder == tmp_path / "neurotypology" / f"7-{content.digest[:12]}"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "manifest.json",
        "test.jsonl",
        "test_questions.yaml",
        "train.jsonl",
    ]
    assert read_manifest(folder) == content.manifest
    assert (folder / "train.jsonl").read_bytes() == read_build_file(content, "train")


def test_build_has_a_card_and_its_test_questions_for_other_programs(tmp_path):
    folder = write_build(build_files({**make_good_files(60), **MARKED}), tmp_path, 1)
    _, head, body = (folder / "README.md").read_text("utf-8").split("---\n")
    card = yaml.safe_load(head)
    assert (card["pretty_name"], card["language"]) == ("Neurotypology", ["ru"])
    [config] = card["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": "train.jsonl"},
        {"split": "test", "path": "test.jsonl"},
    ]
    manifest = read_manifest(folder)
    assert (
        f"{manifest['counts']['train']} train, {manifest['counts']['test']} test"
        in body
    )
    tests = yaml.safe_load((folder / "test_questions.yaml").read_text("utf-8"))
    [marked] = [each for each in tests if each["description"] == "marked"]
    assert marked["vars"]["question"] == "Как называется лоб?"
    assert len(tests) == manifest["counts"]["test"]


def test_template_in_a_question_is_asked_as_it_is():
    conversation = [
        Message("user", "Что такое {{ x }}?"),
        Message("assistant", "{% if %}"),
    ]
    [test] = yaml.safe_load(dump_tests([("one", conversation)]))
    assert test["vars"]["question"] == "{% raw %}Что такое {{ x }}?{% endraw %}"
    assert test["assert"][0]["value"] == "{% raw %}{% if %}{% endraw %}"


def test_card_leaves_out_a_split_without_examples(tmp_path):
    files = make_good_files(60, DATASET_YAML + "split: {test: 0}\n")
    folder = write_build(build_files(files), tmp_path, 1)
    [config] = yaml.safe_load(
        (folder / "README.md").read_text("utf-8").split("---\n")[1]
    )["configs"]
    assert [each["split"] for each in config["data_files"]] == ["train"]


def test_leftovers_of_an_interrupted_write_are_removed(content, tmp_path):
    (tmp_path / ".tmp-dead").mkdir()
    (tmp_path / ".tmp-dead" / "train.jsonl").write_bytes(b"half")
    folder = write_build(content, tmp_path, 1)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("train.jsonl", None),  # a byte is another one
        ("test.jsonl", None),
        ("manifest.json", b"{"),
        ("manifest.json", b"{}"),
    ],
)
def test_changed_file_is_detected(tmp_path, name, written):
    folder = write_build(build_files({**make_good_files(60), **MARKED}), tmp_path, 1)
    whole = (folder / name).read_bytes()
    changed = whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]
    (folder / name).write_bytes(written or changed)
    with pytest.raises(DatasetError) as error:
        read_manifest(folder)
    assert error.value.key == "build-damaged"


def test_another_build_in_its_folder_is_detected(content, tmp_path):
    other = build_files(make_good_files(61))
    folder = write_build(content, tmp_path, 1)
    assert read_manifest(folder, content.digest) == content.manifest
    with pytest.raises(DatasetError) as error:
        read_manifest(folder, other.digest)
    assert error.value.key == "build-damaged"


def test_row_of_a_build_has_the_numbers_of_its_manifest(tmp_path):
    content = build_files({**make_good_files(60), **MARKED})
    folder = write_build(content, tmp_path, 7)
    build = describe_build(content, 7, folder.relative_to(tmp_path), utc_now())
    lines = {
        side: len((folder / f"{side}.jsonl").read_bytes().splitlines())
        for side in ("train", "test")
    }
    assert {"train": build.train, "test": build.test} == lines
    assert (build.version, build.folder) == (f"{build.dataset}-7", folder.name)
    assert read_manifest(folder, build.digest) == build.manifest


def test_build_of_another_place_is_not_found(tmp_path):
    with pytest.raises(NotFound) as error:
        read_manifest(tmp_path / "1-abc")
    assert error.value.key == "build-not-found"


def test_folders_of_old_builds_are_removed_and_unknown_ones_set_aside(tmp_path):
    names = ["trial/1-old", "trial/2-kept", "trial/3-unknown"]
    builds = tmp_path / "builds"
    for name in names:
        (builds / name).mkdir(parents=True)
    (builds / "trial" / "note.txt").touch()

    def remove_before(before, known=names[1:2]):
        return remove_folders(builds, known, names[:1], before)

    assert remove_before(utc_now() - timedelta(days=1)) == 1
    assert (builds / names[2]).exists()  # perhaps of a build that is written now
    later = utc_now() + timedelta(days=1)
    assert remove_before(later) == 1
    left = {path.name for path in (builds / "trial").iterdir()}
    assert left == {"2-kept", "note.txt"}
    assert (tmp_path / "aside/builds" / names[2]).is_dir()
    assert remove_before(later, names[1:]) == 0  # the right database is there again
    assert (builds / names[2]).is_dir()


POINTS = ("build.tmp_written", "build.before_rename", "build.after_rename")


def write_until_crash(root):
    os.environ["MERLIN_CRASH_AT"] = root.name
    write_build(build_files(make_good_files(60)), root, 1)


def test_crash_at_any_point_leaves_nothing_or_the_whole_build(content, tmp_path):
    roots = [tmp_path / point for point in POINTS]
    for root in roots:
        root.mkdir()
        assert run_forked(write_until_crash, root) == 137
    for root in roots:
        folders = [path for path in root.iterdir() if not path.name.startswith(".tmp-")]
        assert len(folders) == (root.name == "build.after_rename")
        assert all(read_manifest(path) == content.manifest for path in folders)
        folder = write_build(content, root, 1)
        assert list(root.iterdir()) == [folder]
        assert read_manifest(folder) == content.manifest
        assert (folder / "train.jsonl").read_bytes() == read_build_file(
            content, "train"
        )


def test_new_name_of_a_model_starts_no_training_and_all_else_does():
    recipe = Recipe(provider="engine", base_model="recall", suffix="face")
    key = training_key("face", "digest", recipe)
    assert training_key("face", "digest", replace(recipe, suffix="lips")) == key
    others = {
        training_key("law", "digest", recipe),
        training_key("face", "other", recipe),
        training_key("face", "digest", replace(recipe, base_model="other")),
        training_key(
            "face", "digest", replace(recipe, hyperparameters={"n_epochs": 2})
        ),
    }
    assert len(others - {key}) == 4
