"""Which tests `make quick` runs."""

import subprocess

import pytest

from tests.quick import choose, list_changed

pytestmark = pytest.mark.functional


@pytest.fixture
def root(tmp_path):
    files = {
        "merlin/core/money.py": "def add(): ...",
        "merlin/core/rates.py": "from merlin.core import money",
        "merlin/bot/handlers/pay.py": "def pay(): ...",
        "tests/core/test_money.py": "from merlin.core.money import add",
        "tests/bot/test_pay.py": "import merlin.core.money",
        "tests/bot/test_start.py": "",
        "tests/individual_tests.txt": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("tests/bot/test_start.py", ["tests/bot/test_start.py"]),
        ("merlin/bot/handlers/pay.py", ["tests/bot/test_pay.py"]),
        ("merlin/core/money.py", ["tests/core/test_money.py", "tests/bot/test_pay.py"]),
        ("merlin/core/rates.py", []),
        ("merlin/locale/ru/bot.ftl", ["tests/locale"]),
    ],
)
def test_nearest_tests_come_first(root, changed, tests):
    assert choose([changed], root) == tests


def test_new_files_have_changed_and_removed_ones_have_no_tests(root):
    (root / "merlin/core/money.py").unlink()
    (root / "merlin/core/rates.py").write_text("")
    (root / "merlin/core/new.py").write_text("")
    assert list_changed("HEAD", root) == ["merlin/core/new.py", "merlin/core/rates.py"]
