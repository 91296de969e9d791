"""Names, modes and sizes of files, judged before they are read."""

import re

import pytest

from merlin.core.names import MAX_NAME_BYTES
from merlin.dataset.changes import check_path
from merlin.dataset.check import check, check_settings
from merlin.dataset.finding import Severity
from merlin.dataset.layout import (
    MAX_EXAMPLE_BYTES,
    MAX_EXAMPLES,
    MAX_PATH_BYTES,
    read_layout,
)
from merlin.dataset.work_tree import work_tree
from merlin.dataset.yaml_io import MAX_FILE_BYTES
from merlin.git.source import FILE, TOO_MANY, TreeEntry
from tests.support.dataset_tree import (
    FileTree,
    example_yaml,
    finding_rules,
    make_good_files,
    only_finding,
)

pytestmark = pytest.mark.unit


def check_with(path, content="x", **options):
    tree = FileTree(make_good_files(60))
    tree.add(path, content, **options)
    return tree, tree.check()


@pytest.mark.parametrize(
    "path",
    ["README.md", "examples/README.ru.md", "examples/face/.gitkeep", ".gitattributes"],
)
def test_readme_and_git_files_are_allowed_anywhere(path):
    _, checked = check_with(path)
    assert not checked.findings


@pytest.mark.parametrize(
    ("path", "proposed"),
    [
        ("examples/глубина фиксации.yaml", "examples/глубина-фиксации.yaml"),
        ("examples/q.yml", "examples/q.yaml"),
        ("examples/и\u0306од.yaml", "examples/йод.yaml"),
        (f"examples/{'я/' * 400}q.yaml", f"examples/{'я/' * 328}q.yaml"),
        (f"examples/{'deep/' * 100_000}q.yaml", f"examples/{'deep/' * 197}q.yaml"),
    ],
)
def test_example_with_a_bad_name_is_rejected_with_a_proposed_name(path, proposed):
    _, checked = check_with(path, example_yaml())
    finding = only_finding(checked, "bad-name")
    assert finding.arguments["proposed"] == proposed
    assert finding.path.isprintable()
    assert (finding.severity, checked.rejected, checked.found) == (
        Severity.ERROR,
        1,
        61,
    )
    assert proposed in finding.text("ru")
    assert proposed in finding.text("en")
    assert "NFC" in finding.text("en")  # a decomposed name looks the same
    assert {f"{MAX_PATH_BYTES}", f"{MAX_NAME_BYTES}"} <= set(
        re.findall(r"\d+", finding.text("en"))
    )


def test_examples_that_the_check_accepts_can_be_edited():
    longest = f"examples/{'deep/' * 197}q.yaml"
    _, checked = check_with(longest, example_yaml())
    assert (len(checked.examples), check_path(f"trial/{longest}")) == (
        61,
        f"trial/{longest}",
    )


def test_other_file_among_examples_is_reported_and_not_counted():
    _, checked = check_with("examples/notes of vera.txt")
    finding = only_finding(checked, "not-an-example")
    assert finding.arguments["proposed"] == "examples/notes-of-vera.yaml"
    assert (finding.severity, checked.found) == (Severity.WARNING, 60)


@pytest.mark.parametrize(
    ("mode", "kind"), [("120000", "link"), ("160000", "submodule"), ("000000", "other")]
)
@pytest.mark.parametrize(
    "path", ["examples/link.yaml", "materials/link.md", "README.md"]
)
def test_symlink_or_submodule_is_an_error_and_never_read(mode, kind, path):
    tree, checked = check_with(path, "/etc/passwd", mode=mode)
    finding = only_finding(checked, "not-a-file")
    assert (finding.severity, finding.arguments) == (Severity.ERROR, {"kind": kind})
    assert tree.entries[-1].blob not in tree.read_blobs
    assert checked.rejected == path.endswith(".yaml")


def test_symlink_in_place_of_dataset_yaml_makes_the_dataset_unbuildable():
    tree = FileTree(
        {
            path: text
            for path, text in make_good_files(60).items()
            if path != "dataset.yaml"
        }
    )
    tree.add("dataset.yaml", "/etc/passwd", mode="120000")
    checked = tree.check()
    assert finding_rules(checked) == ["missing-dataset", "not-a-file"]
    assert not checked.is_buildable


def test_huge_file_is_refused_by_its_size_and_never_read():
    tree, checked = check_with("examples/huge.yaml", size=100_000_000)
    finding = only_finding(checked, "too-large")
    assert finding.path == "examples/huge.yaml"
    assert "100,000,000" in finding.text("en")
    assert tree.entries[-1].blob not in tree.read_blobs
    assert checked.rejected == 1


def list_examples(count, size):
    """Return a tree of so many examples, each of so many bytes, of which none can be read."""
    return [
        TreeEntry(f"examples/q{number}.yaml", f"blob{number}", FILE, size)
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("most", "size"),
    [(MAX_EXAMPLES, 1), (MAX_EXAMPLE_BYTES // MAX_FILE_BYTES, MAX_FILE_BYTES)],
    ids=["files", "bytes"],
)
def test_examples_over_a_limit_are_rejected_in_one_finding(most, size):
    assert len(read_layout(list_examples(most, size)).examples) == most
    one_more = list_examples(most + 1, size)
    checked = check("trial", one_more, FileTree(make_good_files(1)).read)
    arguments = only_finding(checked, "too-many-files").arguments
    assert (arguments["count"], arguments["size"]) == (most + 1, (most + 1) * size)
    assert (len(checked.examples), checked.rejected) == (0, most + 1)


def test_folder_that_is_over_the_limit_of_a_listing_has_no_other_finding(tmp_path):
    """A folder on disk as one in git: `merlin check` says what the daemon would say."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/a.yaml").write_text("x", encoding="utf-8")
    entries, read = work_tree(tmp_path, most=0)
    assert entries == [TOO_MANY]
    finding = only_finding(check("trial", entries, read), "too-many-files")
    assert "250,000" in finding.text("en")
    assert check_settings("trial", entries, read).findings == (finding,)


@pytest.mark.parametrize(
    ("files", "unread"),
    [
        (["a.pdf"], True),
        (["a.docx", "b.md"], True),
        (["a.html", "a.md"], False),
        (["a.pdf", "a-part-1.md", "a-part-2.md"], False),
        (["a.pdf", "a-part-2.md"], True),
        (["a.png"], False),
    ],
)
def test_document_without_a_text_made_from_it_is_a_warning(files, unread):
    tree = FileTree(make_good_files(60))
    for name in files:
        tree.add(f"materials/{name}", "x")
    checked = tree.check()
    assert finding_rules(checked) == ["unread-document"] * unread
    assert all(each.severity is Severity.WARNING for each in checked.findings)
