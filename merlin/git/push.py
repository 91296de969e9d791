"""Push the branch.

A push names the head it expects: it succeeds on that head or not at all, so it overwrites nothing
and does not restore a deleted branch. Hooks of a repository on this machine are not run: anyone who
can write there could run programs as Merlin.
"""

import re

from merlin.core.errors import SourceError
from merlin.core.repository_place import RemoteUrl
from merlin.git.mirror import GitFailed, GitRunner, format_stderr
from merlin.git.server_answers import SHA256, TOKEN_REFUSED


class PushRefused(SourceError):
    """The repository refused the push and has stored nothing of it."""


class ContentRefused(PushRefused):
    """The repository refused this commit; it may accept others."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the push was refused: {reason}", "change-push-refused", reason=reason
        )


_RECEIVE_PACK = (
    "--receive-pack=git -c core.hooksPath=/dev/null -c core.fsmonitor= receive-pack"
)

# git's messages when another push came first. Source: git 2.39, send-pack.c, receive-pack.c,
# refs/files-backend.c.
_RACE_MESSAGES = (
    "[rejected]",
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "incorrect old value",
    "reference already exists",
)
_CHECKED_OUT_MESSAGE = "branch is currently checked out"
_WORK_TREE_MESSAGES = (
    "Working directory has",
    "Up-to-date check failed",
    "Could not update working tree",
)
# An empty repository of SHA-256 refuses at the push; of another one no head is read.
_REFUSALS = (TOKEN_REFUSED, SHA256)
_DENIED_MESSAGES = (
    "Permission denied",
    "access rights",
    "returned error: 403",
    "insufficient permission",
)


# Rejected by the server's rules or hooks, whatever message they add: retrying is useless.
_DECLINED = re.compile(r"^ ! \[remote rejected\] .*\(.*declined.*\)\s*$", re.MULTILINE)
_TOO_LARGE_MESSAGE = "HTTP 413"


def push_branch(
    run: GitRunner, remote: RemoteUrl, branch: str, commit: str, head: str | None
) -> bool:
    """Push `commit` to the branch; return False if its head is no longer `head`.

    `head` None: the branch must not exist. Raises PushRefused, or SourceError if the push may have
    succeeded.
    """
    receive_pack = (_RECEIVE_PACK,) if remote.folder is not None else ()
    lease = f"--force-with-lease={branch}:{head or ''}"
    try:
        run(
            "push",
            "--quiet",
            *receive_pack,
            lease,
            "--",
            remote.url,
            f"{commit}:{branch}",
        )
    except GitFailed as failure:
        is_race = any(message in failure.stderr for message in _RACE_MESSAGES)
        if is_race and not _DECLINED.search(failure.stderr):
            return False
        raise _push_error(failure, remote) from failure
    return True


def _push_error(failure: GitFailed, remote: RemoteUrl) -> SourceError:
    stderr = failure.stderr
    reason = format_stderr(stderr, remote)
    if _DECLINED.search(stderr):
        return ContentRefused(reason)
    if _CHECKED_OUT_MESSAGE in stderr:
        text = f"{remote.url} has the branch checked out and takes no push"
        return PushRefused(text, "change-checked-out", folder=remote.url)
    if any(message in stderr for message in _WORK_TREE_MESSAGES):
        text = f"the work tree of {remote.url} has changes of its own"
        return PushRefused(text, "change-work-tree", folder=remote.url)
    is_refused = failure.key in _REFUSALS
    if is_refused or any(message in stderr for message in _DENIED_MESSAGES):
        key = failure.key if is_refused else "change-denied"
        return PushRefused(f"no right to push: {reason}", key, reason=f"push: {reason}")
    if "[remote rejected]" in stderr or _TOO_LARGE_MESSAGE in stderr:
        return ContentRefused(reason)
    return failure
