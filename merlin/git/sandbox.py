"""Limits around git: which names pass, and what git may know and do. Nothing here runs git.

Source: the advisories of git and GitPython since CVE-2022-24439, and trials of hostile trees.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from merlin.core.errors import ConfigError, SourceError
from merlin.git.remote_url import CONTROL, RemoteUrl

HEAD_REF = "refs/merlin/head"
NOTES_REF = "refs/notes/merlin"
CONFIG_NAME = "merlin.gitconfig"

_BRANCH = re.compile(r"(?!-)[A-Za-z0-9._/-]{1,200}")
_FOLDER_PART = re.compile(r"(?!-)[\w.-]{1,100}")
# Servers put rules and empty lines around their words.
_TELLING = re.compile(r"(fatal|error|remote):.*\w")
_SAID_LINES, _SAID_LETTERS = 6, 500
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# Each holds whatever the repository, its server or the machine's own settings say.
OPTIONS = tuple(
    part
    for setting in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=",
        "core.symlinks=false",
        "protocol.ext.allow=never",
        "transfer.fsckObjects=true",
        "fetch.recurseSubmodules=false",
        # Always a pack, which git makes visible by one rename: a refused or killed fetch leaves
        # no loose object behind that a later look would take for damage.
        "fetch.unpackLimit=1",
        "gc.autoDetach=false",
        "gc.pruneExpire=never",
        "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=30",
        "i18n.logOutputEncoding=UTF-8",
        "log.showSignature=false",
    )
    for part in ("-c", setting)
)


class GitFailed(SourceError):
    """git ended with `status` other than 0; `stderr` is what it said, for the caller to judge."""

    def __init__(self, reason: str, status: int, stderr: str) -> None:
        super().__init__(f"git failed: {reason}", "git-failed", reason=reason)
        self.status = status
        self.stderr = stderr


class GitRunner(Protocol):
    """One git command on the mirror, behind the walls."""

    def __call__(
        self,
        *arguments: str,
        feed: bytes = b"",
        lock: int | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return what the command printed; `feed` is its input, `lock` what a writer inherits.

        `also` stands in its environment too. Raises GitFailed, or SourceError when it took too
        long and was killed.
        """


def check_branch(name: str) -> str:
    """Return `name` when git may see it as a branch. Raises ConfigError."""
    parts = name.split("/")
    bad = any(not part or part[0] == "." or part.endswith((".", ".lock")) for part in parts)
    if bad or ".." in name or not _BRANCH.fullmatch(name):
        told = CONTROL.sub("?", name)[:200]
        raise ConfigError(f"repository.branch is no branch name: {told}", "git-branch", branch=told)
    return name


def check_directory(name: str) -> str:
    """Return `name`, a folder inside the repository ("" is its top). Raises ConfigError."""
    parts = [] if name in ("", ".") else name.strip("/").split("/")
    if any(part in (".", "..") or not _FOLDER_PART.fullmatch(part) for part in parts):
        told = CONTROL.sub("?", name)[:200]
        raise ConfigError(
            f"repository.directory is no folder of a repository: {told}",
            "git-directory",
            directory=told,
        )
    return "/".join(parts)


def is_object_id(name: str) -> bool:
    """Return whether `name` is a full object id, SHA-1 or SHA-256, and nothing else."""
    return bool(_OBJECT.fullmatch(name))


def git_environment(place: RemoteUrl, mirror: Path) -> dict[str, str]:
    """Return what git's environment says besides PATH, HOME and the like.

    The caller takes every other GIT_* variable out. GIT_DIR is named so that a broken mirror
    never makes git find the repository that Merlin itself may lie in.
    """
    extra = "" if place.protocol in ("https", "ssh") else f":{place.protocol}"
    known = {
        "GIT_DIR": str(mirror),
        "GIT_ALLOW_PROTOCOL": f"https:ssh{extra}",
        "GIT_ASKPASS": "",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(mirror / CONFIG_NAME),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for who in ("AUTHOR", "COMMITTER"):
        known |= {f"GIT_{who}_NAME": "Merlin", f"GIT_{who}_EMAIL": "merlin@localhost"}
    return known | _secret_environment(place)


def _secret_environment(place: RemoteUrl) -> dict[str, str]:
    """Return how git learns the password: nobody but our own user reads an environment.

    Redirects are off then, since the header would follow them to another host.
    """
    if not place.secret:
        return {}
    basic = base64.b64encode(place.secret.encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"http.{place.url}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        "GIT_CONFIG_KEY_1": "http.followRedirects",
        "GIT_CONFIG_VALUE_1": "false",
    }


def git_config_text(place: RemoteUrl) -> str:
    """Return the settings file that stands in for the user's own: one safe repository, or none.

    git asks for the folder that holds the objects, newer ones for the work tree: both name
    the same repository.
    """
    if place.folder is None:
        return ""
    lines = ["[safe]\n"]
    for folder in (place.folder, place.folder / ".git"):
        quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'\tdirectory = "{quoted}"\n')
    return "".join(lines)


def format_stderr(stderr: str, place: RemoteUrl) -> str:
    """Return what git said, in one short line that shows no secret."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.match(line)]
    text = " / ".join(CONTROL.sub("?", line) for line in (telling or lines)[:_SAID_LINES])
    for part in (place.secret, *place.secret.split(":")) if place.secret else ():
        text = text.replace(part, "[hidden]") if len(part) >= 4 else text  # noqa: PLR2004 - a word
    return text[:_SAID_LETTERS] or "no word"
