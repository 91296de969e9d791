"""Findings as text, JSON, annotations of a code host, and SARIF.

A finding's path begins as the person named the folder, so that a click finds the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from merlin import __version__
from merlin.core.text import text
from merlin.dataset.finding import Finding, Severity

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check saw: `files` looked at, good `examples`, and findings under shown paths."""

    datasets: int
    files: int
    examples: int
    findings: Sequence[Finding]

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(each.severity is severity for each in self.findings)


def as_text(outcome: Outcome, language: str) -> str:
    """Return a line per finding, as linters write it, and a last line with the counts."""
    lines = [
        f"{each.path}:{each.line}:{each.column}: {each.severity} {each.rule}: {each.text(language)}"
        for each in outcome.findings
    ]
    summary = text(
        language,
        "check-summary",
        datasets=outcome.datasets,
        files=outcome.files,
        examples=outcome.examples,
        errors=outcome.count(Severity.ERROR),
        warnings=outcome.count(Severity.WARNING),
        notes=outcome.count(Severity.NOTE),
    )
    return "\n".join([*lines, summary])


def as_json(outcome: Outcome, language: str) -> str:
    """Return the one JSON document of the contract (DESIGN.md, section 11)."""
    findings = [
        {
            "path": each.path,
            "line": each.line,
            "column": each.column,
            "rule": each.rule,
            "severity": each.severity,
            "message": each.text(language),
        }
        for each in outcome.findings
    ]
    told = {"files": outcome.files, "examples": outcome.examples, "findings": findings}
    return json.dumps(told, ensure_ascii=False, indent=2)


def as_github(outcome: Outcome, language: str) -> str:
    """Return workflow commands that a code host shows beside the lines.

    Source: GitHub documentation, "Workflow commands for GitHub Actions".
    """
    return "\n".join(
        f"::{_GITHUB[each.severity]} file={_property(each.path)},line={each.line},"
        f"col={each.column},title={_property(each.rule)}::{_data(each.text(language))}"
        for each in outcome.findings
    )


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")


def as_sarif(outcome: Outcome, language: str) -> str:
    """Return a SARIF 2.1.0 log (OASIS), which code hosts and editors read."""
    rules = sorted({each.rule for each in outcome.findings})
    driver = {"name": "merlin", "version": __version__, "rules": [{"id": rule} for rule in rules]}
    results = [
        {
            "ruleId": each.rule,
            "level": str(each.severity),
            "message": {"text": each.text(language)},
            "locations": [{"physicalLocation": _place(each)}],
        }
        for each in outcome.findings
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=2)


def _place(finding: Finding) -> dict[str, object]:
    return {
        "artifactLocation": {"uri": quote(finding.path)},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }


FORMATS: dict[str, Callable[[Outcome, str], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}
