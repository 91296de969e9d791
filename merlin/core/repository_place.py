"""Where datasets are: the URL of a repository, its branch, the folder in it, if git may get them.

URLs are https, ssh, a local path, and http on loopback only. All others are rejected before git
sees them, including what git would take for an option or for the name of a remote helper that runs
commands.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from merlin.core.errors import ConfigError
from merlin.core.network import is_loopback

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REMOTE_HELPER = re.compile(r"[^/\[]*::")
_HOST = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}"
)
_SSH_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_BRANCH = re.compile(r"(?!-)[\w.#/-]{1,200}")
_DIRECTORY_NAME = re.compile(r"(?!-)[\w.-]{1,100}")
_SCP = re.compile(r"(?:([^@:/\s]+)@)?([^@:/\s]+):(?!:)([^\s:-][^\s]*)")


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A repository's location; `url` is passed to git and contains no secret.

    `folder` is set only for a repository on this machine. `secret` is the "user:password" of an
    https URL; it is passed to git in the environment, never on a command line or in a file.
    """

    url: str
    protocol: str
    folder: Path | None = None
    secret: str = field(default="", repr=False)


def parse_remote_url(url: str) -> RemoteUrl:
    """Parse an https, ssh or (on loopback only) http URL, or a local path.

    Raises ConfigError for all others, including remote helpers (`ext::`), options and blanks.
    """
    if (
        not url
        or CONTROL.search(url)
        or url.startswith("-")
        or _REMOTE_HELPER.match(url)
    ):
        raise _url_error(url)
    if "://" in url:
        return _parse_with_scheme(url)
    scp = _SCP.fullmatch(url)
    if scp and not url.startswith((".", "/", "~")):
        user, host, _ = scp.groups()
        _check_ssh(url, user, host)
        return RemoteUrl(url, "ssh")
    if ":" in url.partition("/")[0]:  # git would take it for a host name
        raise _url_error(url)
    return _parse_local_path(url)


def _parse_with_scheme(url: str) -> RemoteUrl:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_port = parts.port != 0
    except ValueError as error:
        raise _url_error(url) from error
    if parts.scheme == "file" and host in ("", "localhost") and not parts.query:
        return _parse_local_path(unquote(parts.path))
    is_place = is_port and parts.path.strip("/")
    if re.search(r"\s", url) or parts.fragment or parts.query or not is_place:
        raise _url_error(url)
    if parts.scheme == "ssh" and parts.password is None:
        _check_ssh(url, parts.username, host)
        return RemoteUrl(url, "ssh")
    secret = ":".join(unquote(part or "") for part in (parts.username, parts.password))
    secret = secret.removesuffix(":") and secret
    is_http = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not is_http or not _HOST.fullmatch(host) or CONTROL.search(secret):
        raise _url_error(url)
    url_without_secret = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return RemoteUrl(url_without_secret, parts.scheme, secret=secret)


def _check_ssh(url: str, user: str | None, host: str) -> None:
    if not _HOST.fullmatch(host) or (
        user is not None and not _SSH_USER.fullmatch(user)
    ):
        raise _url_error(url)


def _parse_local_path(path: str) -> RemoteUrl:
    if not path or CONTROL.search(path) or path.startswith("-"):
        raise _url_error(path)
    folder = Path(path).expanduser().resolve()
    return RemoteUrl(str(folder), "file", folder)


def _url_error(url: str) -> ConfigError:
    # User and password must not appear in logs and messages.
    shown_url = re.sub(r"(?<=://)[^/\s]*@", "", CONTROL.sub("?", url))[:200]
    return ConfigError(
        f"repository.url is neither https, ssh nor a local path: {shown_url}",
        "git-url",
        url=shown_url,
    )


def check_branch(name: str) -> str:
    """Return `name` if it is a safe branch name. Raises ConfigError."""
    parts = name.split("/")
    is_invalid = any(
        not part or part[0] == "." or part.endswith((".", ".lock")) for part in parts
    )
    if is_invalid or ".." in name or not _BRANCH.fullmatch(name):
        shown_name = CONTROL.sub("?", name)[:200]
        raise ConfigError(
            f"repository.branch is no branch name: {shown_name}",
            "git-branch",
            branch=shown_name,
        )
    return name


def check_directory(name: str) -> str:
    """Return `name`, a folder inside the repository ("" for its root), without the last slash.

    Raises ConfigError.
    """
    parts = [] if name in ("", ".") else name.rstrip("/").split("/")
    if any(
        part in (".", "..") or not _DIRECTORY_NAME.fullmatch(part) for part in parts
    ):
        shown_name = CONTROL.sub("?", name)[:200]
        raise ConfigError(
            f"repository.directory is no folder of a repository: {shown_name}",
            "git-directory",
            directory=shown_name,
        )
    return "/".join(parts)
