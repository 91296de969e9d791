"""Branches, folders and settings that are passed to git, and those that are refused."""

from pathlib import Path

import pytest

from merlin.core.errors import ConfigError
from merlin.core.repository_place import check_branch, check_directory, parse_remote_url
from merlin.git import mirror

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "name", ["main", "release/2026-11", "a.b_c-d", "курс/#12", "x" * 200]
)
def test_plain_branch_names_are_accepted(name):
    assert check_branch(name) == name


HOSTILE_BRANCHES = (
    "-b --all a..b /a a/ a//b .a a/.b a. a.lock a/b.lock a:b a^ a~1 a? a* a[ a\\b @{-1} a@{1} - .. "
    "+main refs/heads/main:refs/heads/x $(x) `x` ;x |x"
)


@pytest.mark.parametrize(
    "name", [*HOSTILE_BRANCHES.split(), "", "a b", "a\n", "a\0", "x" * 201]
)
def test_other_branch_names_are_refused(name):
    with pytest.raises(ConfigError) as caught:
        check_branch(name)
    assert caught.value.key == "git-branch"


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("datasets", "datasets"),
        ("a/b/", "a/b"),
        ("", ""),
        (".", ""),
        ("данные", "данные"),
    ],
)
def test_folders_of_the_repository_are_accepted(name, directory):
    assert check_directory(name) == directory


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "a/../b",
        "-x",
        "a/-x",
        "a b",
        "a\n",
        "a\0b",
        "a//b",
        "a:b",
        "a*",
        "a\\b",
        "$x",
        "/a",
    ],
)
def test_other_folders_are_refused(name):
    with pytest.raises(ConfigError):
        check_directory(name)


def test_file_protocol_is_allowed_only_for_a_local_repository():
    allowed = {
        url: mirror.git_environment(parse_remote_url(url), Path("/m"))[
            "GIT_ALLOW_PROTOCOL"
        ]
        for url in ("/srv/sets", "https://example.com/sets", "git@example.com:sets")
    }
    assert list(allowed.values()) == ["https:ssh:file", "https:ssh", "https:ssh"]


def test_git_settings_name_only_that_repository_as_safe():
    config = mirror.git_config_text(parse_remote_url('/srv/my "sets"\\x'))
    assert config == (
        "[safe]\n"
        '\tdirectory = "/srv/my \\"sets\\"\\\\x"\n'
        '\tdirectory = "/srv/my \\"sets\\"\\\\x/.git"\n'
    )
    assert mirror.git_config_text(parse_remote_url("https://example.com/sets")) == ""


def test_password_is_absent_from_the_url_and_every_printed_form():
    remote = parse_remote_url("https://vera:s3cr%65t@example.com/sets")
    assert remote.secret == "vera:s3cret"
    assert "s3cret" not in f"{remote!r}{remote.url}"
    assert "s3cret" not in mirror.format_stderr(
        "fatal: could not read vera:s3cret and s3cret", remote
    )


def test_git_error_is_shortened_to_one_line():
    remote = parse_remote_url("/srv/sets")
    text = mirror.format_stderr(
        "hint: x\nremote: hint: y\nfatal: a\x1b[31m\nerror: " + "b" * 900, remote
    )
    assert text.startswith("fatal: a?[31m / error: bbb")
    assert len(text) == 500


@pytest.mark.parametrize(
    "said", ["Connection closed by 10.0.0.1", 'Load key "/a": bad permissions', ""]
)
def test_reason_for_which_ssh_failed_is_kept(said):
    remote = parse_remote_url("ssh://git@host/sets")
    failed = "fatal: Could not read from remote repository."
    stderr = mirror.format_stderr(
        f"@@@@\n{said}\nIt is also possible.\n{failed}", remote
    )
    assert stderr == (f"{said} / {failed}" if said else failed)
