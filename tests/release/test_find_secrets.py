"""A key that is about to be committed is found; what tests and rules show is none."""

from __future__ import annotations

import secrets

import pytest

from tests.support import find_secrets

pytestmark = pytest.mark.unit

DRAWN = secrets.token_hex(32)


@pytest.mark.parametrize(
    "key",
    [
        f"sk-proj-{DRAWN}",
        f"123456789:AA{DRAWN[:33]}",
        f"mrl_{DRAWN}",
        f"-----BEGIN PRIVATE KEY-----\n{DRAWN}",
        f'"-----BEGIN RSA PRIVATE KEY-----\\n{DRAWN}"',
    ],
    # Each worker draws a key of its own: ids that name it would differ between them.
    ids=["provider", "bot", "merlin", "private", "escaped"],
)
def test_a_key_is_found_and_never_shown(key, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(f"name: x\nkey: {key}\n", "utf-8")
    assert find_secrets.main([str(path)]) == 1
    assert capsys.readouterr().out == f"{path}:2: a key or token\n"


def test_what_tests_and_rules_show_is_no_key(tmp_path, capsys):
    path = tmp_path / "rules.py"
    path.write_text("sk-abcdefghijklmnop1234\n-----BEGIN PRIVATE KEY-----\nMIIE\n", "utf-8")
    assert find_secrets.main([str(path)]) == 0
    assert capsys.readouterr().out == ""
