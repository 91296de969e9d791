"""`merlin rules`: what the check looks for, an example that breaks it, and what to do then."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from merlin.cli import language
from merlin.cli.options import AsJson
from merlin.cli.output import print_json, print_table
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.dataset.rules import RULES, Rule, nearest

_NAME = Annotated[str, typer.Argument(metavar="[RULE]", help="Only this rule, with its example.")]

app = typer.Typer()


@app.command()
def rules(name: _NAME = "", json: AsJson = False) -> None:
    """List the rules of the check, or explain one."""
    if name and name not in RULES:
        near = nearest(name, RULES) or "none"
        raise NotFound(f"no rule {name}", "rules-unknown", rule=name, near=near)
    if json:
        print_json(_to_json(RULES[name]) if name else [_to_json(each) for each in RULES.values()])
    elif name:
        sys.stdout.write(_as_text(RULES[name]))
    else:
        rows = [[each.name, each.severity, each.meaning(language())] for each in RULES.values()]
        print_table(["col-rule", "col-severity", "col-meaning"], rows)


def _to_json(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.name,
        "severity": rule.severity,
        "meaning": rule.meaning(language()),
        "mending": rule.mending(language()),
        "example": rule.example or None,
        "example_path": rule.path or None,
        "can_be_off": rule.can_be_off,
    }


def _as_text(rule: Rule) -> str:
    lines = [f"{rule.name} ({rule.severity})", rule.meaning(language()), ""]
    if rule.example:
        lines += [text(language(), "rules-breaks"), *_example_lines(rule), ""]
    lines.append(f"{text(language(), 'rules-mend')} {rule.mending(language())}")
    if rule.can_be_off:
        lines.append(text(language(), "rules-off", rule=rule.name))
    return "".join(f"{line}\n" for line in lines)


def _example_lines(rule: Rule) -> list[str]:
    head = f"# {rule.path}" if rule.path else ""
    body = rule.example.splitlines() if rule.path else [f"$ {rule.example}"]
    return [f"    {line}" for line in (head, *body) if line]
