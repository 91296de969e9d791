"""Mutated and hostile files: no crash, and every rejection names its place and its rule.

The mutations come from fixed seeds, so a failure repeats.
"""

import random

import pytest

from merlin.core.i18n import keys
from merlin.dataset.builds import make_build
from merlin.dataset.finding import Severity
from tests.support.dataset_tree import FileTree, make_good_files
from tests.support.file_mutations import GOOD, mutate

pytestmark = pytest.mark.unit

SEEDS = range(3)
PER_SEED = 50

SPEC = (
    make_good_files(0)["dataset.yaml"]
    + "split: {test: 0.2}\nlaunch: {mode: auto}\nstrict: false\n"
)
COURSE = (
    "semester: 1\nname: {ru: Лоб}\n"
    "materials:\n  - {lesson: 1, type: lab, title: {ru: x}, file_url: 'https://example.com/a'}\n"
)


def assert_all_reported(checked, paths):
    for finding in checked.findings:
        assert f"finding-{finding.rule}" in keys("ru")
        assert finding.line >= 1
        assert finding.column >= 1
        assert finding.text("ru")
        assert finding.text("en").isprintable()
    accepted = {example.path for example in (*checked.examples, *checked.duplicates)}
    errors = {
        finding.path
        for finding in checked.findings
        if finding.severity is Severity.ERROR
    }
    assert accepted | errors >= paths
    assert not accepted & errors
    assert checked.found == len(paths) + 20


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_examples_are_accepted_or_reported(seed):
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    bad = {
        f"examples/z{n:03d}.yaml": mutate(rng, rng.choice(GOOD))
        for n in range(PER_SEED)
    }
    checked = FileTree({**make_good_files(20), **bad}).check()
    assert_all_reported(checked, set(bad))
    assert [*make_build(checked).lines("train")]


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_settings_are_accepted_or_reported(seed):
    rng = random.Random(1000 + seed)  # noqa: S311 - repeatable on purpose
    for _ in range(10):
        files = {
            **make_good_files(20),
            "dataset.yaml": mutate(rng, SPEC),
            "course.yaml": mutate(rng, COURSE),
        }
        checked = FileTree(files).check()
        errors = {
            finding.path
            for finding in checked.findings
            if finding.severity is Severity.ERROR
        }
        assert (checked.spec is None) == ("dataset.yaml" in errors)
        assert (checked.course is None) == ("course.yaml" in errors)
        assert_all_reported(checked, set())


HOSTILE = {
    "flow bomb": b"[" * 60_000,
    "bomb in an answer": b"messages:\n  - user: " + b"[" * 60_000,
    "many keys": b"".join(b"k%d: v\n" % n for n in range(60_000)),
    "many messages": b"messages:\n" + b"  - user: x\n" * 3_000,
    "one long line": b"messages:\n  - user: " + b"x" * 900_000,
    "a million blanks": b'messages:\n  - user: "a'
    + b" " * 900_000
    + b'b"\n  - assistant: x\n',
    "many errors": b"messages:\n" + b"  - bot: x\n" * 900,
    "merge bomb": b"a: &a {b: 1}\n" + b"c: {<<: [*a, *a, *a]}\n" * 1_000,
    "laughs": b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "itself": b"&a [*a]\n",
    "object": b"messages: !!python/object/apply:os.system [exit 1]\n",
    "half a letter": b"messages:\n  - user: \xd0",
    "a long number": b"messages:\n  - {role: user, content: x, weight: "
    + b"9" * 5_000
    + b"}\n",
    "naughty words": 'messages:\n  - user: "ﷺ ́́ 🏳️‍🌈 \\u202e"\n  - assistant: "\\ufffe"\n'.encode(),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_file_is_reported_at_its_place(kind):
    checked = FileTree(
        {**make_good_files(20), "examples/zz.yaml": HOSTILE[kind]}
    ).check()
    assert_all_reported(checked, {"examples/zz.yaml"})
    assert checked.is_buildable
