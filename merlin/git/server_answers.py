"""What git's words about a server mean, for the person who can mend it.

Source: git 2.39 (credential.c, http.c, remote-curl.c), libcurl, OpenSSH.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from tempfile import NamedTemporaryFile
from urllib.parse import urljoin, urlsplit

from merlin.core.errors import SourceError
from merlin.core.repository_place import CONTROL, RemoteUrl

MOVED = "git-moved"
SHA256 = "git-sha256"
TOKEN_REFUSED = "git-token-refused"  # noqa: S105 - a name
WEB_PAGE = "git-web-page"

# What git writes -> the key of our text. What a server says itself begins with "remote:".
_MEANINGS = {
    "could not read (Username|Password)|Authentication failed|error: 401": TOKEN_REFUSED,
    "error: 403": "git-token-weak",
    "error: 30[12378]": MOVED,
    "not valid: is this a git repository|unable to update url base": WEB_PAGE,
    "repository '.*' not found|error: 404|does not appear to be a git repository"
    "|ERROR: Repository not found": "git-not-found",
    "mismatched algorithms|not support this repository's hash algorithm": SHA256,
    "unknown repository extension|Expected git repo version": "git-format",
    "Could not resolve host": "git-no-host",
    "SSL certificate|certificate verification failed": "git-certificate",
    r"Permission denied \(publickey": "git-key-refused",
    "Host key verification failed": "git-host-key",
}
_HEADER = re.compile(r"Recv header: (location|content-type): *(\S+)", re.IGNORECASE)
_REFS = "/info/refs"


def find_meaning(stderr: str, remote: RemoteUrl) -> str:
    """Return the key of the text about git's words, `git-failed` for words that only git knows."""
    for words, key in _MEANINGS.items():
        if re.search(rf"^(?!remote:).*({words})", stderr, re.MULTILINE):
            return (
                "git-token-missing"
                if key == TOKEN_REFUSED and not remote.secret
                else key
            )
    return "git-failed"


def find_page(run: Callable[..., bytes], remote: RemoteUrl) -> SourceError | None:
    """Ask the server again; return the error about another address or a web page in place of git.

    git does not tell where it is sent to, and takes a page of one line for no branches.
    """
    with NamedTemporaryFile() as trace:
        told = {"GIT_TRACE_CURL": trace.name, "GIT_TRACE_CURL_NO_DATA": "1"}
        with suppress(SourceError):
            run("ls-remote", "--quiet", "--", remote.url, env=told)
        lines = trace.read().decode("utf-8", "replace")
    headers = {name.lower(): value for name, value in _HEADER.findall(lines)}
    target = _without_secrets(urljoin(remote.url, headers.get("location", "")))
    if target.endswith(_REFS):
        moved = target.removesuffix(_REFS)
        return SourceError(f"the repository moved to {moved}", MOVED, target=moved)
    if "location" in headers or headers.get("content-type", "").startswith("text/html"):
        return SourceError(f"a web page answers at {target}", WEB_PAGE, target=target)
    return None


def _without_secrets(url: str) -> str:
    parts = urlsplit(CONTROL.sub("?", url))
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()[:200]
