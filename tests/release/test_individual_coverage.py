"""Which tests cover a file alone, and what is wrong with the list of exceptions."""

import pytest

from tests.individual_coverage import compare_with_list, find_faults, match_tests

pytestmark = pytest.mark.unit

SUBJECTS = [
    "merlin/api/pages/account.py",
    "merlin/api/rest/account.py",
    "merlin/bot/handlers/groups.py",
    "merlin/config/__init__.py",
    "merlin/engine/api/training.py",
    "merlin/engine/training.py",
]


def test_tests_belong_to_the_file_with_the_longest_of_their_names():
    names = "api/test_account api/test_rest_account_keys bot/test_groups bot/test_groups_two"
    names += " config/test_config engine/test_api_training engine/test_training"
    matched = match_tests(SUBJECTS, [f"tests/{name}.py" for name in names.split()])
    assert matched == {
        "merlin/api/rest/account.py": ["tests/api/test_rest_account_keys.py"],
        "merlin/bot/handlers/groups.py": [
            "tests/bot/test_groups.py",
            "tests/bot/test_groups_two.py",
        ],
        "merlin/config/__init__.py": ["tests/config/test_config.py"],
        "merlin/engine/api/training.py": ["tests/engine/test_api_training.py"],
        "merlin/engine/training.py": ["tests/engine/test_training.py"],
    }


def test_lists_name_exactly_the_files_that_are_not_covered(tmp_path):
    (tmp_path / "tests/core").mkdir(parents=True)
    (tmp_path / "tests/core/test_a.py").touch()
    a, b, c = "merlin/core/a.py", "merlin/api/b.py", "merlin/core/c.py"
    tests_by_subject = {
        a: ["tests/core/test_a.py"],
        b: ["tests/core/test_a.py", "tests/api/test_b.py"],
    }
    assert find_faults([a, b, c], tests_by_subject, {"d"}, tmp_path) == [
        "d: in a list, but gone",
        "tests/api/test_b.py: in a list, but gone",
        f"{b}: tests/core/test_a.py is a test of another package",
        f"{c}: no test file of its name",
    ]
    missed = {"a": [], "b": [7], "c": [], "d": [7], "e": None}
    assert compare_with_list(missed, {"c", "d"}) == [
        "b: its tests do not run lines [7]",
        "c: covered, so take it from the list",
        "e: a test fails when its tests run alone",
    ]
