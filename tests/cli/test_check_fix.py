"""`merlin check --fix`: files are fixed only in a git repository, so that changes can be undone."""

import json
import shutil
import subprocess

import pytest

from merlin.cli import main
from merlin.dataset.fix import ChangedMeanwhile, Fix, fix_files, replace_file
from merlin.dataset.work_tree import read_index, work_tree
from tests.support.dataset_tree import example_yaml, make_good_files

pytestmark = pytest.mark.functional

BAD = {
    "dataset.yaml": (
        "title: {en: First}  \r\nsystem: Be brief.\nrecipe: {provider: a, base_model: recall}"
    ),
    "examples/face/q0000.yaml": f"\ufeff{example_yaml('Вопрос 0', 'Ответ 0')}",
    "examples/my folder/два слова.yml": example_yaml("Два\u200bслова?", "Да.  "),
    "notes.txt": "left \r\n as it is",
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "datasets" / "first", {**make_good_files(60), **BAD})
    (tmp_path / "datasets/first/examples/face/q0001.yaml").chmod(0o755)
    git("init", "-q", "-b", "main")
    git("add", ".")
    return tmp_path


def write(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8", newline="")


def git(*arguments):
    result = subprocess.run(["git", *arguments], capture_output=True, check=True)
    return result.stdout.decode()


def contents(repository):
    """Return path -> bytes and mode of every file."""
    files = (path for path in (repository / "datasets").rglob("*") if path.is_file())
    told = ((path, path.read_bytes(), path.stat().st_mode) for path in files)
    return {str(path.relative_to(repository)): (content, mode) for path, content, mode in told}


def run_fix(capsys, *arguments):
    code = main(["check", "--fix", "--json", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, json.loads(captured.out)


def test_unambiguous_mistakes_are_fixed_and_listed(repository, capsys):
    before = contents(repository)
    code, document = run_fix(capsys)
    assert code == 0
    first = "datasets/first"
    assert {fix["path"]: (fix["new_path"], fix["mended"]) for fix in document["fixes"]} == {
        f"{first}/dataset.yaml": (
            f"{first}/dataset.yaml",
            ["line-ends", "blanks", "last-line-end"],
        ),
        f"{first}/examples/face/q0000.yaml": (f"{first}/examples/face/q0000.yaml", ["bom"]),
        f"{first}/examples/face/q0001.yaml": (f"{first}/examples/face/q0001.yaml", ["executable"]),
        f"{first}/examples/my folder/два слова.yml": (
            f"{first}/examples/my-folder/два-слова.yaml",
            ["invisible-letters", "blanks", "name"],
        ),
    }
    assert (document["examples"], [finding["rule"] for finding in document["findings"]]) == (
        61,
        ["stray-file"],
    )
    after = contents(repository)
    assert after[f"{first}/notes.txt"] == before[f"{first}/notes.txt"]
    assert after[f"{first}/examples/face/q0001.yaml"][1] & 0o111 == 0
    assert not (repository / first / "examples" / "my folder").exists()
    assert not list(repository.rglob("*.part"))


def test_second_fix_changes_nothing(repository, capsys):
    run_fix(capsys)
    mended = contents(repository)
    for command in ("status", "add"):  # also before the file is added to git
        assert run_fix(capsys)[1]["fixes"] == []
        assert contents(repository) == mended
        git(command, ".")


def test_git_restores_the_files_before_the_fix(repository, capsys):
    before = contents(repository)
    run_fix(capsys)
    assert contents(repository) != before
    git("restore", ".")
    git("clean", "-qfd")
    assert contents(repository) == before


def test_fixes_are_reported_on_stderr_and_findings_on_stdout(repository, capsys):
    assert main(["check", "--fix", "datasets/first/examples/my folder"]) == 0
    captured = capsys.readouterr()
    assert captured.err == (
        "Fixed datasets/first/examples/my folder/два слова.yml -> "
        "datasets/first/examples/my-folder/два-слова.yaml: "
        "invisible characters, spaces at line ends, name\n"
    )
    assert captured.out.startswith("1 dataset, 1 file, 1 good example;")


def test_only_requested_files_are_fixed(repository, capsys):
    before = contents(repository)
    run_fix(capsys, "datasets/first/dataset.yaml")
    changed = {path for path, told in contents(repository).items() if before.get(path) != told}
    assert changed == {"datasets/first/dataset.yaml"}


def test_untracked_or_modified_file_is_not_fixed(repository, capsys):
    examples = repository / "datasets" / "first" / "examples"
    write(examples, {"new.yaml": f"\ufeff{example_yaml('Новый', 'Да')}"})
    with (examples / "face" / "q0000.yaml").open("ab") as file:
        file.write(b"note: mine\n")
    before = contents(repository)
    code, document = run_fix(
        capsys, "datasets/first/examples/new.yaml", "datasets/first/examples/face"
    )
    assert {fix["path"]: fix["left"] for fix in document["fixes"]} == {
        "datasets/first/examples/new.yaml": "not-in-git",
        "datasets/first/examples/face/q0000.yaml": "not-in-git",
        "datasets/first/examples/face/q0001.yaml": "",
    }
    assert "git add" in document["fixes"][0]["message"]
    assert code == 1
    after = contents(repository)
    assert {path for path in after if after[path] != before[path]} == {
        "datasets/first/examples/face/q0001.yaml"
    }


def test_line_ends_that_git_converts_are_not_a_fix(repository, capsys):
    """As on Windows: the files have CRLF, git's own content has not."""
    run_fix(capsys)
    path = repository / "datasets" / "first" / "examples" / "face" / "q0000.yaml"
    path.write_text(f"{example_yaml('Один', 'Да')}# note  \n", "utf-8")
    (repository / ".gitattributes").write_text("*.yaml eol=crlf\n", "utf-8")
    git("add", ".")
    shutil.rmtree(repository / "datasets")
    git("restore", ".")
    before = contents(repository)
    assert b"\r\n" in path.read_bytes()
    _, document = run_fix(capsys)
    assert [(fix["path"], fix["mended"], fix["left"]) for fix in document["fixes"]] == [
        ("datasets/first/examples/face/q0000.yaml", ["blanks"], "")
    ]
    assert b"\r\n" in (path.parent / "q0001.yaml").read_bytes()
    git("restore", ".")
    assert contents(repository) == before


@pytest.mark.parametrize("taken", ["два-слова.yaml", "Два-Слова.yaml"])
def test_file_is_not_renamed_to_an_existing_name(repository, capsys, taken):
    folder = repository / "datasets" / "first" / "examples" / "my-folder"
    write(folder, {taken: example_yaml("Чей?", "Мой.")})
    _, document = run_fix(capsys, "datasets/first/examples/my folder")
    (only,) = document["fixes"]
    assert (only["left"], only["new_path"]) == ("name-taken", only["path"])
    assert only["mended"] == ["invisible-letters", "blanks"]
    assert (folder / taken).read_text("utf-8") == example_yaml("Чей?", "Мой.")
    assert (repository / only["path"]).exists()


def test_two_files_with_the_same_new_name_do_not_overwrite_each_other(repository, capsys):
    examples = repository / "datasets" / "first" / "examples"
    write(examples, {"a b.yaml": example_yaml("Один", "1"), "a  b.yaml": example_yaml("Два", "2")})
    git("add", ".")
    _, document = run_fix(capsys)
    assert sorted(fix["left"] for fix in document["fixes"] if "/a " in fix["path"]) == [
        "",
        "name-taken",
    ]
    text = "".join(path.read_text("utf-8") for path in examples.glob("a*b.yaml"))
    assert "Один" in text
    assert "Два" in text


def test_file_changed_meanwhile_is_not_fixed(repository):
    folder = repository / "datasets" / "first"
    path = "examples/face/q0000.yaml"
    entries = work_tree(folder)[0]
    theirs = f"\ufeff{example_yaml('Чужое', 'слово')}"
    write(folder, {path: theirs})
    (result,) = fix_files(folder, entries, read_index(folder), lambda each: each == path)
    assert result == Fix(path, path, left="not-in-git")
    assert (folder / path).read_text("utf-8") == theirs


def test_file_is_replaced_only_if_its_content_is_the_one_read(tmp_path):
    place = tmp_path / "q.yaml"
    place.write_bytes(b"theirs")
    with pytest.raises(ChangedMeanwhile):
        replace_file(place, b"what was read", b"what was mended")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("q.yaml", b"theirs")
    ]
    place.chmod(0o640)
    replace_file(place, b"theirs", b"ours")
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"ours", 0o640)


def test_unwritable_file_is_skipped_with_the_reason(repository, capsys):
    name = f"{'a' * 250}.yaml"  # too long for the name of the temporary file beside it
    path = repository / "datasets" / "first" / "examples" / name
    write(path.parent, {name: f"\ufeff{example_yaml('Длинное', 'имя')}"})
    git("add", ".")
    _, document = run_fix(capsys, str(path))
    (only,) = document["fixes"]
    assert (only["left"], only["mended"]) == ("unwritable", [])
    assert "the name is too long" in only["message"]
    assert path.read_text("utf-8") == f"\ufeff{example_yaml('Длинное', 'имя')}"


def test_file_deleted_meanwhile_is_ignored(repository):
    folder = repository / "datasets" / "first"
    entries = work_tree(folder)[0]
    (folder / "examples/face/q0000.yaml").unlink()
    assert (
        fix_files(folder, entries, read_index(folder), lambda each: each.endswith("q0000.yaml"))
        == []
    )


def test_symlink_is_never_followed(repository, capsys, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "theirs.yaml"
    outside.write_text("a: b  ", "utf-8")
    examples = repository / "datasets" / "first" / "examples"
    (examples / "link.yml").symlink_to(outside)
    git("add", ".")
    run_fix(capsys)
    assert outside.read_text("utf-8") == "a: b  "
    assert (examples / "link.yml").is_symlink()


def test_outside_a_git_repository_nothing_is_changed(repository, capsys):
    (repository / ".git").rename(repository / "elsewhere")
    before = contents(repository)
    assert main(["check", "--fix"]) == 1
    assert "isn't in a readable git repository:" in capsys.readouterr().err
    assert contents(repository) == before


def test_dataset_outside_git_prevents_the_fix_of_both(repository, tmp_path_factory, capsys):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "second"
    write(elsewhere, {**make_good_files(60), **BAD})
    before = contents(repository)
    assert main(["check", "--fix", "datasets/first", str(elsewhere)]) == 1
    assert f"{elsewhere} isn't in a readable git repository" in capsys.readouterr().err
    assert contents(repository) == before


def test_dataset_named_twice_is_fixed_once(repository, capsys):
    _, document = run_fix(capsys, "datasets", "datasets/first")
    assert [fix["left"] for fix in document["fixes"]] == [""] * 4


def test_git_hook_environment_does_not_change_the_index_used(repository, capsys, monkeypatch):
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / "elsewhere"))
    monkeypatch.setenv("GIT_DIR", str(repository / "nowhere"))
    assert len(run_fix(capsys)[1]["fixes"]) == 4


def test_commit_cannot_be_fixed(repository, capsys):
    assert main(["check", "--fix", "--commit", "HEAD"]) == 2
    assert "Either --fix or --commit: a commit doesn't change" in capsys.readouterr().err
