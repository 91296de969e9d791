"""Every action that the audit is told of has words in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES, keys
from merlin.db.requests import RequestKind

pytestmark = pytest.mark.unit

SOURCES = Path(__file__).parents[2] / "merlin"
ACTION = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")


def audited_actions(path):
    """Yield the actions that a file tells an audit of, by the texts within its `note` calls."""
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    named = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        is_note = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "note"
        if not is_note or "audit" not in (ast.get_source_segment(source, node.func) or "").lower():
            continue
        for part in ast.walk(node.args[1]):
            said = named.get(part.id) if isinstance(part, ast.Name) else None
            said = part.value if isinstance(part, ast.Constant) else said
            if isinstance(said, str) and ACTION.fullmatch(said):
                yield said


def test_every_action_has_words():
    told = {action for path in SOURCES.rglob("*.py") for action in audited_actions(path)}
    assert {"role.grant", "user.unblock", "paysupport.ask"} <= told
    asked = {f"ask.{kind.value}" for kind in RequestKind}
    wanted = {f"audit-{action.replace('.', '-')}" for action in told | asked}
    for language in LANGUAGES:
        assert wanted - set(keys(language)) == set()
