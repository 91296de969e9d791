"""Checking only what a commit changed leads to the same result as checking the whole dataset."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merlin.dataset import layout
from merlin.dataset.builds import make_build
from merlin.dataset.check import check_changes, check_whole
from merlin.dataset.example_index import open_index
from tests.support.dataset_tree import (
    DATASET_YAML,
    FileTree,
    check_files,
    example_yaml,
    make_good_files,
    read_build_file,
)

pytestmark = pytest.mark.unit

LIMITS = {"recall": 60}
QUESTIONS = (
    *("Что такое лоб?", "что такое  лоб", "Что такое лба?", "Что такое лобб?", "Где лоб?"),
    *("Где лоб", "Как назвать нос?", "Как назвать носы?", "How is it called?", "Черта 7"),
)
ANSWERS = (
    *("Верхняя часть лица.", "верхняя часть лица", "Иначе.", "An answer in English, a long one."),
    *("слово " * 40, "Не могу помочь с этим вопросом", "И это ответ без точки в конце"),
)
TOOLS = "tools: [{type: function, function: {name: look}}]\n"
MORE = ("", TOOLS, "split: test\n", "split: train\n", "tags: [a]\n", "tags: [a, b]\n")
WORSE = ("rejected: Не знаю.\n", "rejected: Иначе.\n")
NAMES = [f"examples/{name}.yaml" for name in ("a", "A", "b", "c/a", "c/b", "д")]
BROKEN = ("messages: []\n", "messages:\n  - user: a\n", "\t- no", "")
SPECS = (
    DATASET_YAML,
    DATASET_YAML.replace("good", "fine"),
    DATASET_YAML + "split: {test: 0.9}\n",
    DATASET_YAML + "strict: true\n",
    DATASET_YAML.replace("recall}", "recall, method: dpo}"),
    DATASET_YAML.replace("engine", "openai").replace("recall", "gpt-4o-mini"),
    "title: no\n",
)
OWN_SYSTEM = "messages:\n  - system: {}\n  - user: Черта 7\n  - assistant: Ответ.\n"

conversations = st.one_of(
    st.builds(
        example_yaml,
        st.sampled_from(QUESTIONS),
        st.sampled_from(ANSWERS),
        st.sampled_from((*MORE, *WORSE)),
    ),
    st.sampled_from([OWN_SYSTEM.format(text) for text in ("Своё", "MerlinGPT is a good service!")]),
    st.sampled_from(BROKEN),
)
changes = st.dictionaries(
    st.sampled_from((*NAMES, "examples/e.yml", "examples/ bad.yaml", "stray.txt")),
    st.one_of(st.none(), conversations),
    max_size=5,
)
specs = st.one_of(st.just("as before"), st.none(), st.sampled_from(SPECS))


def diff_trees(old, new):
    """Return the entries that differ between two trees, as `git diff-tree` does."""
    before, after = ({entry.path: entry for entry in tree.entries} for tree in (old, new))
    return {
        path: after.get(path)
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    }


def summarise(checked):
    return (checked.good, checked.duplicate, checked.rejected, checked.findings, checked.spec)


def read_build(checked):
    """Return manifest and files of its build, None if it cannot be built."""
    if not checked.is_buildable:
        return None
    content = make_build(checked)
    return content.manifest, [read_build_file(content, side) for side in ("train", "test")]


def list_good(index):
    """Return id -> blob and side of the good examples."""
    rows = index.rows("SELECT id, blob, side FROM example WHERE status = 'good'")
    return {example_id: tuple(row) for example_id, *row in rows}


def check_everything(tree, index):
    return check_whole("neurotypology", index, tree.entries, tree.read, limit_tokens=LIMITS)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 14), st.lists(st.tuples(changes, specs), min_size=1, max_size=5))
def test_checking_changes_equals_checking_the_whole_dataset(number, steps):
    files = make_good_files(number)
    with open_index() as index:
        tree = FileTree(files)
        check_everything(tree, index)
        for edits, spec in steps:
            tree_before, good_before = tree, list_good(index)
            index.forget_moved()
            files = {**files, **edits, **({} if spec == "as before" else {"dataset.yaml": spec})}
            files = {path: text for path, text in files.items() if text is not None}
            tree = FileTree(files)
            followed = check_changes(
                "neurotypology",
                index,
                diff_trees(tree_before, tree),
                tree.read,
                limit_tokens=LIMITS,
            )
            if followed is None:
                index.clear()
                followed = check_everything(tree, index)
                index.mark_moved(good_before)
            with open_index() as other:
                anew = check_everything(tree, other)
                assert summarise(followed) == summarise(anew)
                assert read_build(followed) == read_build(anew)
                assert list_good(index) == list_good(other)
            checked = tree.check(limit_tokens=LIMITS)
            assert summarise(checked) == summarise(followed)
            assert read_build(checked) == read_build(followed)
            good = list_good(index)
            moved = {row.id: row.blob for rows in index.list_moved() for row in rows}
            for name in good_before.keys() | good.keys():
                if good_before.get(name) != good.get(name):
                    assert moved[name] == good.get(name, (None,))[0]


def test_only_changed_files_are_read_and_moved():
    old = FileTree(make_good_files(60))
    new = FileTree(
        {**make_good_files(60), "examples/face/q0007.yaml": example_yaml("Новый вопрос о лице")}
    )
    with open_index() as index:
        check_everything(old, index)
        index.forget_moved()
        checked = check_changes(
            "neurotypology", index, diff_trees(old, new), new.read, limit_tokens=LIMITS
        )
        assert len(new.read_blobs) == 1
        assert checked.good == 60
        assert [row.id for rows in index.list_moved() for row in rows] == ["face/q0007"]


def test_more_files_than_the_limit_need_a_full_check(monkeypatch):
    old, new = FileTree(make_good_files(60)), FileTree(make_good_files(61))
    monkeypatch.setattr(layout, "MAX_EXAMPLES", 60)
    with open_index() as index:
        check_whole("neurotypology", index, old.entries, old.read)
        assert check_changes("neurotypology", index, diff_trees(old, new), new.read) is None
        index.clear()
        limited = check_whole("neurotypology", index, new.entries, new.read)
        assert (limited.good, limited.rejected) == (60, 1)
        # A file over the limit counts again when another is removed.
        assert check_changes("neurotypology", index, diff_trees(new, old), old.read) is None


def test_index_keeps_its_last_stored_state(tmp_path):
    tree, path = FileTree(make_good_files(60)), tmp_path / "indices" / "a.sqlite"
    with open_index(path) as index:
        check_everything(tree, index)
        index.keep("c1", "t1")
        index.remove(["examples/face/q0001.yaml"])
    with open_index(path) as index:
        assert (index.state("commit"), index.state("tree"), len(list_good(index))) == (
            "c1",
            "t1",
            60,
        )


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + bytes(5000)])
def test_damaged_index_is_rebuilt(tmp_path, content):
    path = tmp_path / "a.sqlite"
    path.write_bytes(content)
    with open_index(path) as index:
        assert index.is_new
        assert check_everything(FileTree(make_good_files(60)), index).good == 60


def test_index_of_another_release_is_rebuilt(tmp_path):
    path = tmp_path / "a.sqlite"
    with open_index(path) as index:
        check_everything(FileTree(make_good_files(60)), index)
        index.set_state("version", "0")
        index.keep("c1", "t1")
    with open_index(path) as index:
        assert index.is_new


def test_index_that_breaks_while_read_raises_oserror_and_is_deleted(tmp_path):
    path = tmp_path / "a.sqlite"
    with pytest.raises(OSError, match="malformed"), open_index(path):
        raise sqlite3.DatabaseError("database disk image is malformed")
    assert not path.exists()


def test_example_copied_to_another_file_counts_once_as_duplicate():
    files = {
        **make_good_files(60),
        "examples/z.yaml": make_good_files(1)["examples/face/q0000.yaml"],
    }
    assert check_files(files).duplicate == 1
