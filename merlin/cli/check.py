"""`merlin check`: validate datasets before they are committed; `merlin rules` explains the rules.

It needs no configuration, git or network. Findings are printed as text, GitHub annotations or, with
`--json`, one document. A finding's path begins with the folder as the user typed it, so that
editors and terminals can open it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.cli import language
from merlin.cli.options import AsJson, configuration
from merlin.cli.output import print_json, print_table, translate_word
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.names import find_nearest
from merlin.dataset.evaluation_plan import EvaluationPlan, plan_test
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.rules import RULES, Rule
from merlin.dataset.work_tree import Folder, find_folders, work_tree

_CURRENT_FOLDER = (Path(),)
_PATHS = Annotated[
    list[Path] | None,
    typer.Argument(help="Repository or dataset; default: the current folder."),
]
_FORMAT = Annotated[
    Literal["text", "github"],
    typer.Option("--format", help="Output format of the findings."),
]
# Not of the environment: a check needs no configuration, and may not be allowed to read it.
_CONFIG = Annotated[
    Path | None,
    typer.Option("--config", help="Print messages in this configuration's language."),
]
app = typer.Typer()


@app.command()
def check(
    paths: _PATHS = None,
    *,
    shape: _FORMAT = "text",
    config: _CONFIG = None,
    json: AsJson = False,
) -> None:
    """Check datasets; report problems with file, line and column; exit 1 on errors."""
    if config is not None:
        configuration(config)
    outcome = check_paths(paths or _CURRENT_FOLDER)
    render = format_json if json else FORMATS[shape]
    output = render(outcome, language())
    if output:
        sys.stdout.write(output + "\n")
    if outcome.count(Severity.ERROR):
        raise typer.Exit(1)


def check_paths(paths: Iterable[Path]) -> CheckReport:
    """Check the datasets at the given paths. Raises ConfigError if there is no dataset."""
    return CheckReport([*map(_check_folder, find_folders(paths))])


def _check_folder(folder: Folder) -> FolderReport:
    from merlin.dataset.check import check as check_dataset
    from merlin.dataset.contradictions import list_near_pairs

    entries, read = work_tree(folder.path)
    checked = check_dataset(folder.name, entries, read)
    return FolderReport(
        name=checked.name,
        files=len(entries),
        examples=checked.good,
        findings=_with_prefix(checked.findings, folder.shown),
        plan=plan_test(checked.sides.values(), checked.spec) if checked.spec else None,
        near=[
            {
                "path": _add_prefix(folder.shown, one.path),
                "question": one.question,
                "other": _add_prefix(folder.shown, other.path),
                "other_question": other.question,
            }
            for one, other in list_near_pairs(checked)
        ],
    )


def _with_prefix(findings: Iterable[Finding], prefix: str) -> list[Finding]:
    """Return the findings with the path prefix that the user typed."""
    return [finding.at(_add_prefix(prefix, finding.path)) for finding in findings]


def _add_prefix(prefix: str, path: str) -> str:
    return escape_unprintable("/".join(filter(None, (prefix, path))))


_GITHUB = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


@dataclass(frozen=True, slots=True)
class FolderReport:
    """The check of one dataset: `files` read, valid `examples`, findings with displayed paths.

    `plan` is None where dataset.yaml cannot be used. `near` are the nearest questions with
    different answers, best first, with displayed paths: a person judges whether they are the same.
    """

    name: str
    files: int
    examples: int
    findings: Sequence[Finding]
    plan: EvaluationPlan | None
    near: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check of several datasets."""

    datasets: Sequence[FolderReport]

    @property
    def files(self) -> int:
        """Return the number of files read."""
        return sum(each.files for each in self.datasets)

    @property
    def examples(self) -> int:
        """Return the number of valid examples."""
        return sum(each.examples for each in self.datasets)

    @property
    def findings(self) -> list[Finding]:
        """Return all findings, by dataset."""
        return [finding for each in self.datasets for finding in each.findings]

    def count(self, severity: Severity) -> int:
        """Return the number of findings of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def format_text(outcome: CheckReport, language: str) -> str:
    """Return one line per finding, in the usual linter format, and a summary.

    Of each dataset that can be trained it says how many examples are taught and tested, and which
    questions may be the same.
    """
    lines = [finding.line_text(language) for finding in outcome.findings]
    near = [pair for each in outcome.datasets for pair in each.near]
    lines += [text(language, "check-near")] if near else []
    lines += [text(language, "check-near-pair", **pair) for pair in near]
    lines += [
        f"{each.name}: {text(language, 'test-plan', **each.plan.as_arguments())}"
        for each in outcome.datasets
        if each.plan and each.plan.taught
    ]
    summary = text(
        language,
        "check-summary",
        datasets=len(outcome.datasets),
        files=outcome.files,
        examples=outcome.examples,
        errors=outcome.count(Severity.ERROR),
        notes=outcome.count(Severity.WARNING) + outcome.count(Severity.NOTE),
    )
    return "\n".join([*lines, summary])


def format_json(outcome: CheckReport, language: str) -> str:
    """Return the JSON document whose format DESIGN.md, section 11 defines."""
    findings = [
        {
            "path": finding.path,
            "line": finding.line,
            "column": finding.column,
            "rule": finding.rule,
            "severity": finding.severity,
            "message": finding.text(language),
        }
        for finding in outcome.findings
    ]
    near = [pair for each in outcome.datasets for pair in each.near]
    values = {
        "files": outcome.files,
        "examples": outcome.examples,
        "findings": findings,
        "near": near,
    }
    return json.dumps(values, ensure_ascii=False, indent=2)


def format_github(outcome: CheckReport, language: str) -> str:
    """Return workflow commands, which GitHub shows next to the lines.

    Source: GitHub documentation, "Workflow commands for GitHub Actions".
    """
    return "\n".join(
        f"::{_GITHUB[finding.severity]} file={_escape_property(finding.path)},line={finding.line},"
        f"col={finding.column},title={_escape_property(finding.rule)}::{_escape_data(finding.text(language))}"
        for finding in outcome.findings
    )


def _escape_data(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(message: str) -> str:
    return _escape_data(message).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[CheckReport, str], str]] = {
    "text": format_text,
    "github": format_github,
}

_NAME = Annotated[
    str, typer.Argument(metavar="[RULE]", help="Only this rule, with its example.")
]


@app.command()
def rules(name: _NAME = "", json: AsJson = False) -> None:
    """List the rules of the check, or explain one."""
    if name and name not in RULES:
        near = find_nearest(name, RULES) or "none"
        raise NotFound(f"no rule {name}", "rules-unknown", rule=name, near=near)
    if json:
        print_json(
            _rule_record(RULES[name])
            if name
            else [_rule_record(rule) for rule in RULES.values()]
        )
    elif name:
        sys.stdout.write(_rule_text(RULES[name]))
    else:
        rows = [
            [rule.name, _level(rule), rule.meaning(language())]
            for rule in RULES.values()
        ]
        print_table(["col-rule", "col-severity", "col-meaning"], rows)


def _rule_record(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.name,
        "severity": rule.severity,
        "meaning": rule.meaning(language()),
        "mending": rule.advice(language()),
        "example": rule.example or None,
        "example_path": rule.path or None,
        "can_be_off": rule.can_be_off,
    }


def _level(rule: Rule) -> str:
    return translate_word("level", rule.severity)


def _rule_text(rule: Rule) -> str:
    lines = [f"{rule.name} ({_level(rule)})", rule.meaning(language()), ""]
    if rule.example:
        lines += [text(language(), "rules-breaks"), *_example_lines(rule), ""]
    lines.append(f"{text(language(), 'rules-fix')} {rule.advice(language())}")
    if rule.can_be_off:
        lines.append(text(language(), "rules-off", rule=rule.name))
    return "".join(f"{line}\n" for line in lines)


def _example_lines(rule: Rule) -> list[str]:
    head = f"# {rule.path}" if rule.path else ""
    lines = rule.example.splitlines() if rule.path else [f"$ {rule.example}"]
    return [f"    {line}" for line in (head, *lines) if line]
