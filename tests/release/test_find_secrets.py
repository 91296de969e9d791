"""Keys in files to be committed are found; examples in tests and rules are not."""

import secrets

import pytest

from tests.support import find_secrets

pytestmark = pytest.mark.unit

RANDOM_HEX = secrets.token_hex(32)


@pytest.mark.parametrize(
    "key",
    [
        f"sk-proj-{RANDOM_HEX}",
        f"123456789:AA{RANDOM_HEX[:33]}",
        f"mrl_{RANDOM_HEX}",
        f"-----BEGIN PRIVATE KEY-----\n{RANDOM_HEX}",
        f'"-----BEGIN RSA PRIVATE KEY-----\\n{RANDOM_HEX}"',
    ],
    # Fixed ids: each worker draws another key.
    ids=["provider", "bot", "merlin", "private", "escaped"],
)
def test_key_is_found_and_never_shown(key, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(f"name: x\nkey: {key}\n", "utf-8")
    assert find_secrets.main([str(path)]) == 1
    assert capsys.readouterr().out == f"{path}:2: a key or token\n"


def test_sample_keys_in_tests_and_rules_are_ignored(tmp_path, capsys):
    path = tmp_path / "rules.py"
    path.write_text(
        "sk-abcdefghijklmnop1234\n-----BEGIN PRIVATE KEY-----\nMIIE\n", "utf-8"
    )
    assert find_secrets.main([str(path)]) == 0
    assert capsys.readouterr().out == ""
