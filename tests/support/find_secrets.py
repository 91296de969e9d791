"""Keys and tokens in the files of the repository, by the rule that keeps them out of datasets.

`python tests/support/find_secrets.py [FILE …]` (by default all files in git) prints where they are
and exits with 1. A key is never printed. Test keys consist of runs that no real key has.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from merlin.dataset.sensitive import SECRET

_MADE_UP = re.compile(
    r"abcdefghij|0123456789|A{8}|canary|test-credential|no-secret|wrong-key"
)
# The first line of a key file alone opens nothing; rules and their tests have it.
_KEY_FILE = re.compile(r"PRIVATE KEY[A-Z ]*-----(?:\\n|\s)+[A-Za-z0-9+/=]{64}")


def find_secrets(text: str) -> Iterator[int]:
    """Yield the numbers of the lines in which a key begins."""
    for match in SECRET.finditer(text):
        is_head = "PRIVATE KEY" in match[0]
        is_real = (
            _KEY_FILE.search(text, match.start(), match.end() + 80) if is_head else True
        )
        if is_real and not _MADE_UP.search(match[0]):
            yield text.count("\n", 0, match.start()) + 1


def main(names: Sequence[str]) -> int:
    """Print `file:line` of every key in these files; return 1 where there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    places = [
        f"{name}:{line}: a key or token"
        for name in names or filter(None, listed.stdout.split("\0"))
        for line in find_secrets(Path(name).read_bytes().decode("utf-8", "replace"))
    ]
    sys.stdout.writelines(f"{place}\n" for place in places)
    return int(bool(places))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
