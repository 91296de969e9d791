"""Every action of the audit has texts in both languages."""

import ast
import re
from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES, keys
from merlin.db.requests import RequestKind

pytestmark = pytest.mark.unit

SOURCES = Path(__file__).parents[2] / "merlin"
ACTION = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")


def find_audit_actions(path):
    """Yield the actions that a source file records: the strings in its `note` calls of an audit."""
    source = path.read_text("utf-8")
    if "note(" not in source:
        return
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        is_note = (
            isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "note"
        )
        if not is_note or "audit" not in ast.unparse(node.func).lower():
            continue
        for part in ast.walk(node.args[1]):
            action = constants.get(part.id) if isinstance(part, ast.Name) else None
            action = part.value if isinstance(part, ast.Constant) else action
            if isinstance(action, str) and ACTION.fullmatch(action):
                yield action


def test_every_action_has_a_text():
    actions = {
        action for path in SOURCES.rglob("*.py") for action in find_audit_actions(path)
    }
    assert {"role.grant", "user.unblock", "paysupport.ask"} <= actions
    requests = {f"ask.{kind.value}" for kind in RequestKind}
    expected = {f"audit-{action.replace('.', '-')}" for action in actions | requests}
    for language in LANGUAGES:
        assert expected - set(keys(language)) == set()
