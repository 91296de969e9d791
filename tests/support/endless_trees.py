"""A dataset of 1 kB of git objects that names more files than anyone can read."""

import hashlib
import subprocess

# Ten trees, each with the one before a hundred times: 10^20 files.
LEVELS = 10
WIDTH = 100


def run_git(folder, *arguments, feed=b""):
    """Return what git writes in a repository with something to commit on."""
    command = [
        "git",
        "-c",
        "user.name=Вера",
        "-c",
        "user.email=vera@example.com",
        *arguments,
    ]
    completed = subprocess.run(
        command, cwd=folder, input=feed, capture_output=True, check=True
    )
    return completed.stdout.decode().strip()


def make_tree(folder, *lines):
    """Return the tree of these lines of `git mktree`, as such a line without its name."""
    feed = "".join(f"{line}\0" for line in lines).encode()
    return f"040000 tree {run_git(folder, 'mktree', '-z', feed=feed)}"


def _tree_id(lines):
    """Return the id that git gives the tree of these sorted lines of `git mktree`."""
    content = b""
    for line in lines:
        (mode, _, inner), name = (
            line.partition("\t")[0].split(),
            line.partition("\t")[2],
        )
        content += f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(inner)
    return hashlib.sha1(b"tree %d\0" % len(content) + content).hexdigest()  # noqa: S324


def make_endless(folder, leaf, name="%03d"):
    """Return a tree whose deepest entries are `leaf`, a line of `git mktree` without a name."""
    feed = ""
    for _ in range(LEVELS):
        lines = [f"{leaf}\t{name % number}" for number in range(WIDTH)]
        feed += "".join(f"{line}\0" for line in lines) + "\0"
        leaf = f"040000 tree {_tree_id(lines)}"
    made = run_git(folder, "mktree", "-z", "--batch", feed=feed.encode()).split()
    assert leaf.endswith(made[-1])
    return leaf


def commit_beside(folder, entry, name="bomb"):
    """Commit an entry as a dataset beside those of the head; the work tree does not have it."""
    listed = run_git(folder, "ls-tree", "-z", "HEAD:datasets").split("\0")
    others = [line for line in listed if line and not line.endswith(f"\t{name}")]
    datasets = make_tree(folder, *others, f"{entry}\t{name}")
    tree = make_tree(folder, f"{datasets}\tdatasets").split()[-1]
    commit = run_git(
        folder, "commit-tree", tree, "-p", "HEAD", "-m", "Add a dataset by hand"
    )
    run_git(folder, "update-ref", "HEAD", commit)
    return commit
