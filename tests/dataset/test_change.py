"""Requested changes: allowed paths, names and texts."""

from datetime import UTC, datetime

import pytest

from merlin.core.errors import Refused
from merlin.dataset.changes import (
    MAX_BATCH_SIZE,
    ChangeKind,
    ChangeRequest,
    Edit,
    check_path,
    make_changes,
)
from merlin.dataset.commit_message import (
    Editor,
    format_subject,
    local_editor,
    telegram_editor,
)
from merlin.git.source import blob_id

pytestmark = pytest.mark.unit

REQUEST = ChangeRequest(
    telegram_editor(7, "Вера"), "7", datetime(2026, 11, 20, tzinfo=UTC)
)
PLACE = "examples/face/fixation.yaml"


@pytest.mark.parametrize(
    "path",
    [
        "trial/dataset.yaml",
        "trial/course.yaml",
        "trial/examples/a.yaml",
        "нейро-2/examples/лицо/вопрос.1.yaml",
        "trial/materials/lecture-01.md",
        "trial/materials/lecture-01.pdf",
        "trial/materials/lecture-01.docx",
        "trial/materials/lecture-01.html",
    ],
)
def test_paths_of_dataset_files_are_accepted(path):
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *[
            "",
            "trial",
            "trial/",
            "/etc/passwd",
            "trial/README.md",
            "../trial/dataset.yaml",
        ],
        *[
            "trial/../dataset.yaml",
            "trial/examples/../../x.yaml",
            "trial/examples/.git/x.yaml",
        ],
        *[
            "trial/examples/.yaml",
            "trial/examples//x.yaml",
            "trial/examples/x.yml",
            "-rf/dataset.yaml",
        ],
        *[
            "trial/examples/a b.yaml",
            "trial/examples/a\nb.yaml",
            "trial/examples/a\0.yaml",
        ],
        *[
            "trial/examples/x.yaml/",
            "trial/examples/CON~1.yaml",
            "trial/examples/-x.yaml",
        ],
        *[
            "trial/examples/е\u0308.yaml",
            ".git/examples/x.yaml",
            "trial/materials/x.yaml",
            "trial/materials/x.exe",
            "trial/materials/.pdf",
            "trial/examples/x.pdf",
        ],
        *[
            "trial/examples/a\\b.yaml",
            "trial/examples/" + "x" * 300 + ".yaml",
            "trial/examples/" + "x/" * 600 + "x.yaml",
            "trial/dataset.yaml\n",
        ],
    ],
)
def test_every_other_path_is_refused(path):
    with pytest.raises(Refused) as caught:
        check_path(path)
    assert caught.value.key == "change-no-place"


@pytest.mark.parametrize(
    ("path", "text", "content"),
    [
        ("materials/a.pdf", "/wA=", b"\xff\0"),
        ("materials/a.md", "/wA=", "/wA="),
        ("materials/a.pdf", None, None),
    ],
)
def test_document_of_a_change_is_in_base64_and_has_no_text_to_show(path, text, content):
    (change,) = make_changes("trial", [Edit(path, None, text)], REQUEST)
    assert change.content == content
    assert change.shown_text == (content if isinstance(content, str) else None)
    assert change.blob == (None if content is None else blob_id(content))


def test_edits_of_one_batch_share_the_first_ones_id_and_subject():
    edits = [Edit(f"examples/{n}.yaml", "b", None) for n in range(3)]
    changes = make_changes("trial", edits, REQUEST, "Delete three")
    assert {change.batch for change in changes} == {changes[0].change_id}
    assert len({change.change_id for change in changes}) == 3
    assert {change.subject for change in changes} == {"Delete three"}
    assert {change.kind for change in changes} == {ChangeKind.DELETE}


@pytest.mark.parametrize(
    ("edits", "key"),
    [
        ([], "change-count"),
        ([Edit(PLACE, None, "1"), Edit(PLACE, None, "2")], "change-count"),
        (
            [Edit(f"examples/{n}.yaml", None, "") for n in range(MAX_BATCH_SIZE + 1)],
            "change-count",
        ),
        ([Edit(PLACE, None, "ё" * 500_001)], "change-too-large"),
        ([Edit("x", None, "1")], "change-no-place"),
    ],
)
def test_edits_that_cannot_be_one_commit_are_refused(edits, key):
    with pytest.raises(Refused) as caught:
        make_changes("trial", edits, REQUEST)
    assert caught.value.key == key


def test_subject_is_made_from_the_edit():
    edits = {
        Edit(PLACE, "b", "x"): "Edit example “face/fixation”",
        Edit("dataset.yaml", "b", "x"): "Edit dataset.yaml",
        Edit("materials/a.md", "b", None): "Remove materials/a.md",
    }
    for edit, line in edits.items():
        assert [
            change.subject for change in make_changes("trial", [edit], REQUEST)
        ] == [line]


@pytest.mark.parametrize(
    "subject",
    [
        "x\n\nMerlin-Id: 1",
        "x\rMerlin-Id: 1",
        "x\u2028y",
        "x\x85y",
        "\x1b[31mx",
        "x" * 500,
        "a\0b",
    ],
)
def test_subject_is_one_short_line(subject):
    line = format_subject(subject, "en")
    assert line.isprintable()
    assert len(line) <= 200


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Вера Админ", "Вера Админ"),
        ("  Anna-Maria  O'Neil ", "Anna-Maria O'Neil"),
        ("x\nMerlin-Id: 1", "x Merlin-Id 1"),
        ("a <b@c> d", "a b c d"),
        ("--amend", "amend"),
        ("😀", "user 7"),
        ("", "user 7"),
        ("\uffa0 \u115f", "user 7"),
        ("\u0308ё", "ё"),
        ("ё" * 200, "ё" * 80),
    ],
)
def test_editors_name_keeps_only_characters_allowed_in_a_commit(shown, name):
    assert telegram_editor(7, shown) == Editor(name, "7@telegram.invalid")


@pytest.mark.parametrize(
    ("person", "line"),
    [
        (("boris", "Борис", "boris@example.com"), "Борис <boris@example.com>"),
        (("boris", "", ""), "boris <boris@cli.invalid>"),
        (("do main\\b", "x", "root@host.(none)"), "x <do-main-b@cli.invalid>"),
        (("", "", "a@b\n> x"), "somebody <somebody@cli.invalid>"),
    ],
)
def test_local_editor_is_named_by_git_settings_or_login(person, line):
    assert local_editor(*person).line == line
