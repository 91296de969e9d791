"""Where a repository may lie: https, ssh, a path on this machine, http on the loopback alone.

Everything else is refused before git sees it, among it what git would take for an option or
for the name of a helper that runs commands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from merlin.core.errors import ConfigError
from merlin.core.loopback import is_loopback

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HELPER = re.compile(r"[^/\[]*::")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_SSH_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_SCP = re.compile(r"(?:([^@:/\s]+)@)?([^@:/\s]+):(?!:)([^\s:-][^\s]*)")


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """Where the repository is: `url` is what git is told and holds no secret.

    `folder` is set exactly for a repository on this machine. `secret` is "user:password" of an
    https address; it reaches git by its environment, never by a command line or a file.
    """

    url: str
    protocol: str
    folder: Path | None = None
    secret: str = field(default="", repr=False)


def parse_remote_url(url: str) -> RemoteUrl:
    """Return the address that `url` names: https, ssh, a local path, http on the loopback alone.

    Raises ConfigError for everything else, among it helpers (`ext::`), options and blanks.
    """
    if not url or CONTROL.search(url) or url.startswith("-") or _HELPER.match(url):
        raise _refused(url)
    if "://" in url:
        return _by_scheme(url)
    scp = _SCP.fullmatch(url)
    if scp and not url.startswith((".", "/", "~")):
        user, host, _ = scp.groups()
        _check_ssh(url, user, host)
        return RemoteUrl(url, "ssh")
    if ":" in url.partition("/")[0]:  # git would take it for a host
        raise _refused(url)
    return _local(url)


def _by_scheme(url: str) -> RemoteUrl:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise _refused(url) from error
    if parts.scheme == "file" and host in ("", "localhost") and not parts.query:
        return _local(unquote(parts.path))
    if re.search(r"\s", url) or parts.fragment or parts.query or not parts.path.strip("/"):
        raise _refused(url)
    if parts.scheme == "ssh" and parts.password is None:
        _check_ssh(url, parts.username, host)
        return RemoteUrl(url, "ssh")
    secret = ":".join(unquote(part or "") for part in (parts.username, parts.password))
    secret = secret.removesuffix(":") and secret
    is_http = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not is_http or not _HOST.fullmatch(host) or CONTROL.search(secret):
        raise _refused(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return RemoteUrl(bare, parts.scheme, secret=secret)


def _check_ssh(url: str, user: str | None, host: str) -> None:
    if not _HOST.fullmatch(host) or (user is not None and not _SSH_USER.fullmatch(user)):
        raise _refused(url)


def _local(path: str) -> RemoteUrl:
    if not path or CONTROL.search(path) or path.startswith("-"):
        raise _refused(path)
    folder = Path(path).expanduser().resolve()
    return RemoteUrl(str(folder), "file", folder)


def _refused(url: str) -> ConfigError:
    # As logs and people may see it: without user and password.
    shown_url = re.sub(r"(?<=://)[^/\s]*@", "", CONTROL.sub("?", url))[:200]
    return ConfigError(
        f"repository.url is neither https, ssh nor a local path: {shown_url}",
        "git-url",
        url=shown_url,
    )
