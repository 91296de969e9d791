"""The console blocks of the operators' pages, which the booted machine runs as printed."""

import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Calls of docker, to the end of the last line that goes on.
DOCKER = re.compile(r"^docker (?:.*\\\n)*.*\n", re.MULTILINE)
# What a machine without a network cannot run, by words of its block, and what runs it.
ELSEWHERE = {
    "apt-get install": ".ci/run",
    "make demo": "tests/e2e/test_demo_check.py",
    "merlin/bin/pip install": "tests/release/test_wheel.py",
    "deploy/secrets": "tests/deploy/test_compose.py",
    "make pin": "tests/deploy/test_dockerfile.py",
    "kubectl": "tests/deploy/test_kubernetes.py",
}


def read_blocks() -> list[str]:
    """Return the lines of each block of both pages, as one script without docker.

    tests/deploy/test_handbook.py runs docker's lines of the page Operate, and holds the blocks of
    both languages equal.
    """
    pages = [
        (ROOT / f"docs/en/{name}.md").read_text("utf-8")
        for name in ("operate", "install")
    ]
    blocks = [block for page in pages for block in BLOCK.findall(page)]
    scripts = [
        DOCKER.sub("", re.sub(r"^\$ ", "", block, flags=re.MULTILINE))
        for block in blocks
    ]
    return [script for script in scripts if script]


def find_block(words: str) -> str:
    """Return the only block with these words."""
    [block] = [block for block in read_blocks() if words in block]
    return block


def list_others(words: Sequence[str]) -> list[str]:
    """Return the blocks that have none of these words and are not run elsewhere."""
    words = [*words, *ELSEWHERE]
    return [
        block for block in read_blocks() if not any(each in block for each in words)
    ]
