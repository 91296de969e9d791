"""How xdist distributes tests: each file to one worker, the long files first.

The tests of a file share an expensive set-up (a site, an engine, a browser), which a second worker
would repeat. The marker xdist_group does the same, but not with pytest 9.2, whose nodes keep their
ids elsewhere (xdist 3.8.0).
"""

from collections import Counter

from xdist.scheduler import LoadScopeScheduling

# Files with one of these prefixes share a loaded torch, its cached models and what they trained.
TORCH = tuple(
    f"tests/engine/test_{name}"
    for name in (
        *("generator_", "lora_", "proof.", "architectures.", "torch_loading."),
        *("ollama.", "chat_", "model_download.", "merging."),
    )
)
# Whole machines, then tests that start processes: a worker gets short tests last.
LONG_FIRST = (
    *("tests/image/test_built.py", "tests/systemd/test_booted.py"),
    *TORCH,
    *(
        "tests/kill/",
        "tests/e2e/",
        "tests/upgrade/",
        "tests/golden/",
        "tests/deploy/test_compose.py",
    ),
    *("tests/real/", "tests/engine/", "tests/browser/", "tests/bot/"),
)


class LongFilesFirst(LoadScopeScheduling):
    """Gives each worker one file at a time."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "torch" if path.startswith(TORCH) else path


def sort_long_first(items):
    """Return the tests grouped by file, ordered by when the file is to start."""
    paths = [item.nodeid.partition("::")[0] for item in items]
    lengths = Counter(paths)

    def key(pair):
        path = pair[0]
        positions = (
            i for i, prefix in enumerate(LONG_FIRST) if path.startswith(prefix)
        )
        return next(positions, len(LONG_FIRST)), -lengths[path], path

    return [item for _, item in sorted(zip(paths, items, strict=True), key=key)]
