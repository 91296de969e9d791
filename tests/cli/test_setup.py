"""`merlin init`: a repository that is ready to use, or an error and no files."""

import subprocess
from functools import partial

import pytest

from merlin.cli import main
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(("language", "word"), [("ru", "Наборы"), ("en", "Datasets")])
def test_repository_is_written_in_the_users_language(
    tmp_path, capsys, monkeypatch, language, word
):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    folder = tmp_path / "fresh"
    assert main(["init", str(folder)]) == 0
    assert word in (folder / "README.md").read_text("utf-8")
    assert f"{folder}: config.yaml" in capsys.readouterr().err


def test_first_commit_has_all_that_is_not_this_machines_own(tmp_path, monkeypatch):
    """Whoever has no name in git yet, or signs every commit, gets it too."""
    settings = {"HOME": "", "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    (tmp_path / "gitconfig").write_text(
        "[commit]\n\tgpgSign = true\n[user]\n\tuseConfigOnly = true\n"
    )
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{role}_EMAIL", raising=False)
    folder = tmp_path / "fresh"
    assert main(["init", str(folder)]) == 0
    (folder / "engine.log").write_text("a line")
    git = partial(
        subprocess.run, cwd=folder, capture_output=True, text=True, check=True
    )
    assert git(["git", "status", "--porcelain"]).stdout == ""
    files = git(["git", "ls-tree", "-r", "--name-only", "HEAD"]).stdout.split()
    assert len([path for path in files if "/examples/" in path]) == 10
    assert not {"config.yaml", "credentials/MERLIN_ENGINE_KEY", "engine.log"} & {*files}
    assert (folder / "credentials").stat().st_mode & 0o777 == 0o700


def test_existing_repository_is_never_overwritten(tmp_path, capsys):
    assert main(["init", str(tmp_path / "fresh")]) == 0
    before = (tmp_path / "fresh" / "README.md").read_bytes()
    assert main(["init", str(tmp_path / "fresh"), "--dataset", "other"]) == 1
    assert "isn't empty" in capsys.readouterr().err
    assert (tmp_path / "fresh" / "README.md").read_bytes() == before


@pytest.mark.parametrize("name", ["../../out", "a b", "", ".hidden", "a/b"])
def test_invalid_dataset_name_creates_nothing(tmp_path, capsys, name):
    assert main(["init", str(tmp_path / "fresh"), "--dataset", name]) == 2
    assert (
        "” isn't a valid dataset ID: use letters, digits, “.”, “_” and “-”"
        in capsys.readouterr().err
    )
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "size", ["8k", "90k"]
)  # full at the first files, and within git
def test_full_disk_leaves_nothing_behind(tmp_path, capsys, size):
    with small_disk(tmp_path / "disk", size):
        assert main(["init", str(tmp_path / "disk" / "fresh")]) == 1
        assert not [*(tmp_path / "disk").iterdir()]
        (tmp_path / "disk" / "fresh").mkdir()
        assert main(["init", str(tmp_path / "disk" / "fresh")]) == 1
        assert not [*(tmp_path / "disk" / "fresh").iterdir()]
    assert "can't create" in capsys.readouterr().err


def test_without_git_nothing_is_created(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["init", str(tmp_path / "fresh")]) == 1
    assert "git isn't installed" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


FAQ = "question,answer,Checked\nWhen?,In July.,yes\nWhere?,Here.,no\n"


def test_file_becomes_the_first_dataset_with_its_course(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    source = tmp_path / "faq.csv"
    source.write_text(FAQ)
    folder = tmp_path / "school"
    asked = ["init", str(folder), "--from", str(source)]
    assert main(asked) == 1
    assert "--only Checked=yes" in capsys.readouterr().err
    assert not folder.exists()
    assert main([*asked, "--only", "Checked=yes"]) == 0
    said = capsys.readouterr().err
    assert "`school` with 1 example, committed" in said
    assert "merlin ask 'When?'" in said
    dataset = folder / "datasets/school"
    files = [path for path in dataset.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(dataset)) for path in files) == [
        "course.yaml",
        "dataset.yaml",
        "examples/when.yaml",
        "imports.yaml",
    ]
    assert (dataset / "imports.yaml").read_text() == (
        "faq:\n  only:\n    Checked:\n      take: ['yes']\n      leave: ['no']\n"
    )
    assert (dataset / "course.yaml").read_text() == "semester: 1\nname: {en: school}\n"
    assert "title:\n  en: school\n" in (dataset / "dataset.yaml").read_text()
    capsys.readouterr()
    assert main(["check", str(dataset)]) == 0


def test_file_without_examples_and_a_folder_that_is_no_name_create_nothing(
    tmp_path, capsys
):
    source = tmp_path / "faq.csv"
    source.write_text("question,answer\n")
    assert main(["init", str(tmp_path / "school"), "--from", str(source)]) == 1
    source.write_text(FAQ)
    assert main(["init", str(tmp_path / "our school"), "--from", str(source)]) == 2
    assert "For example: our-school" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == [source]
