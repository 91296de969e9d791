"""Who sits at this keyboard, as their own git would say."""

from __future__ import annotations

import re
import subprocess

_IDENT = re.compile(r"(.*) <([^<>]*)> \d+ [+-]\d{4}")


def identity() -> tuple[str, str]:
    """Return name and e-mail that git would commit with; ("", "") where it knows none."""
    try:
        done = subprocess.run(
            ["git", "var", "GIT_AUTHOR_IDENT"],  # noqa: S607 - as the person's shell finds it
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "", ""
    found = _IDENT.fullmatch(done.stdout.strip())
    return (found[1], found[2]) if found else ("", "")
