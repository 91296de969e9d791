"""Repositories made by git, and mirrors of them."""

import os
import subprocess

import pytest

from merlin.git.repository import GitSource
from tests.support.made_repositories import make_repository


class Remote:
    """An editor's repository, made by these options of `git init`."""

    def __init__(self, path, *options):
        self.path = path
        self.env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("GIT_")
        } | {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Вера",
            "GIT_AUTHOR_EMAIL": "vera@example.com",
            "GIT_COMMITTER_NAME": "Вера",
            "GIT_COMMITTER_EMAIL": "vera@example.com",
        }
        make_repository(path, *options)

    def git(self, *arguments, feed=b""):
        completed = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=self.env,
            input=feed,
            capture_output=True,
        )
        assert completed.returncode == 0, completed.stderr.decode()
        return completed.stdout.decode("utf-8", "replace").strip()

    def commit(self, message="change", **files):
        """Write datasets/neuro/<name>.yaml for each file and commit; return the id."""
        for name, text in files.items():
            self.write(f"datasets/neuro/{name}.yaml", text)
        self.git("add", "--all")
        self.git(
            "commit", "--quiet", "--allow-empty", "--file=-", feed=message.encode()
        )
        (branch,) = (self.path / ".git/HEAD").read_text().split()[1:]
        return (self.path / ".git" / branch).read_text().strip()

    def write(self, path, text):
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def make_tree(self, *lines):
        """Make a tree of any `git mktree` lines; return its id."""
        return self.git("mktree", "-z", feed=b"".join(line + b"\0" for line in lines))

    def make_blob(self, content):
        return self.git("hash-object", "-w", "--stdin", feed=content)

    def publish(self, tree, message="made by hand"):
        """Commit a tree by its id on main; return the commit's id."""
        parents = ["-p", "main"] if self.git("branch", "--list", "main") else []
        commit = self.git("commit-tree", tree, *parents, "-m", message)
        self.git("update-ref", "refs/heads/main", commit)
        return commit


@pytest.fixture
def remote(tmp_path):
    return Remote(tmp_path / "editor")


@pytest.fixture
def source(make_source):
    return make_source()


@pytest.fixture
def make_source(remote, tmp_path):
    def make(url=None, mirror=tmp_path / "state/mirror.git", **settings):
        return GitSource(
            url or str(remote.path), "main", "datasets", mirror, **settings
        )

    return make


@pytest.fixture
def make_remote(tmp_path):
    def make(name, *options):
        return Remote(tmp_path / name, *options)

    return make


def read_texts(source, head, dataset="neuro"):
    """Return the texts of a dataset's files at a commit by their paths."""
    entries = source.entries(head, dataset)
    contents = dict(source.read(entry.blob for entry in entries))
    return {entry.path: contents[entry.blob].decode() for entry in entries}
