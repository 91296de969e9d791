"""`merlin check`: what is wrong with datasets, before anybody commits them.

For paths it needs neither config nor git nor a network. With `--commit` it looks at the
configured repository's commit, as the daemon would. Findings are told as text, JSON, annotations
of a code host, or SARIF; a finding's path begins as the person named the folder, so that a click
finds the file. `merlin rules` tells what is looked for, and what to do then.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import typer

from merlin import __version__
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AnswerTokens,
    AsJson,
    Base,
    Budget,
    ConfigPath,
    Limit,
    Yes,
    configuration,
)
from merlin.cli.output import print_json, print_table
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.core.i18n import text
from merlin.core.messages import SamplingParams
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.fix import Fix, fix_files
from merlin.dataset.layout import Limits
from merlin.dataset.rules import RULES, Rule, nearest
from merlin.dataset.work_tree import Folder, folders, read_index, work_tree
from merlin.git.source import Entry

if TYPE_CHECKING:
    from merlin.dataset.check import CheckedDataset

_HERE = (Path(),)
_PATHS = Annotated[
    list[Path] | None,
    typer.Argument(help="A repository, a dataset, or a file in one; default: what lies here."),
]
_COMMIT = Annotated[
    str, typer.Option(help="Check this commit of the configured repository instead of paths.")
]
_FORMAT = Annotated[
    Literal["text", "json", "github", "sarif"],
    typer.Option("--format", help="How findings are written."),
]
_FIX = Annotated[
    bool, typer.Option("--fix", help="Fix what can be fixed without guessing, then check.")
]
_ASK_BASE = Annotated[
    bool,
    typer.Option("--ask-base", help="Ask the base model too, and tell of examples it knows."),
]
# Of one dataset: files looked at, good examples, findings.
Seen = tuple[int, int, list[Finding]]
# Datasets that are asked about: how their paths begin, what was checked, which paths are meant.
Kept = list[tuple[str, "CheckedDataset", Callable[[str], bool]]]


app = typer.Typer()


@app.command()
def check(  # noqa: PLR0913 - each is an option of the command
    paths: _PATHS = None,
    *,
    commit: _COMMIT = "",
    shape: _FORMAT = "text",
    fix: _FIX = False,
    ask_base: _ASK_BASE = False,
    base: Base = "",
    limit: Limit = None,
    answer_tokens: AnswerTokens = None,
    budget: Budget = None,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Check datasets; report problems with file, line and column; exit 1 on errors."""
    from merlin.cli import language

    if commit and (paths or fix):
        key = "check-fix-or-commit" if fix else "check-paths-or-commit"
        raise ConfigError("paths or --fix and --commit together", key)
    kept: Kept | None = [] if ask_base else None
    with _without_garbage_collection():
        if commit:
            outcome = _sum(_of_commit(commit, config, kept))
        else:
            outcome = look_at(paths or _HERE, fix=fix, kept=kept)
    if kept is not None:
        from merlin.cli.paid_questions import ask_bases

        settings, requested = configuration(config), [each[1:] for each in kept]
        wishes = SamplingParams(most_tokens=answer_tokens)
        found = ask_bases(
            settings, requested, wishes, base=base, limit=limit, budget=budget, yes=yes
        )
        results = zip(found, kept, strict=True)
        known = [finding for each, (shown, *_) in results for finding in _with_prefix(each, shown)]
        outcome = replace(outcome, findings=[*outcome.findings, *known])
    shape = "json" if json else shape
    for each in (outcome.fixes or ()) if shape != "json" else ():
        sys.stderr.write(fix_text(each, language()) + "\n")
    written = FORMATS[shape](outcome, language())
    if written:
        sys.stdout.write(written + "\n")
    if outcome.count(Severity.ERROR):
        raise typer.Exit(1)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare a twelfth of the time: what files say is all kept, and none of it goes in circles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def look_at(paths: Iterable[Path], *, fix: bool = False, kept: Kept | None = None) -> Outcome:
    """Return what the check sees in the datasets that paths mean, mended before with `fix`.

    Checked datasets are put into `kept`, which takes memory.
    Raises ConfigError for none. With `fix` raises Refused and SourceError, as `read_index`, before
    anything was changed.
    """
    paths_to_check = [folder for path in paths for folder in folders(path)]
    if not fix:
        return _sum(_of_folder(each, kept) for each in paths_to_check)
    held = {path: read_index(path) for path in {each.path for each in paths_to_check}}
    fixes = [
        fix_files(each.path, _entries(each), held[each.path], each.holds) for each in paths_to_check
    ]
    moved = [
        folder.moved({each.path: each.new_path for each in done})
        for folder, done in zip(paths_to_check, fixes, strict=True)
    ]
    checked = [
        replace(
            each, path=_under(folder.shown, each.path), new_path=_under(folder.shown, each.new_path)
        )
        for folder, done in zip(paths_to_check, fixes, strict=True)
        for each in done
    ]
    return _sum((_of_folder(each, kept) for each in moved), checked)


def _entries(folder: Folder) -> Sequence[Entry]:
    return work_tree(folder.path, Limits().file_bytes)[0]


def _sum(seen: Iterable[Seen], fixes: Sequence[Fix] | None = None) -> Outcome:
    found = list(seen)
    return Outcome(
        datasets=len(found),
        files=sum(files for files, _, _ in found),
        examples=sum(examples for _, examples, _ in found),
        findings=[finding for _, _, findings in found for finding in findings],
        fixes=fixes,
    )


def _of_folder(folder: Folder, kept: Kept | None) -> Seen:
    from merlin.dataset.check import check as check_dataset
    from merlin.dataset.check import check_once

    limits = Limits()
    entries, read = work_tree(folder.path, limits.file_bytes)
    examine = check_once if kept is None else check_dataset
    checked = examine(folder.name, entries, read, limits=limits)
    if kept is not None:
        kept.append((folder.shown, checked, folder.holds))
    findings = [finding for finding in checked.findings if folder.holds(finding.path)]
    files = sum(folder.holds(entry.path) for entry in entries)
    examples = sum(map(folder.holds, checked.good_paths()))
    return files, examples, _with_prefix(findings, folder.shown)


def _with_prefix(findings: Iterable[Finding], prefix: str) -> list[Finding]:
    """Return the findings under the path that the person knows."""
    return [finding.at(_under(prefix, finding.path)) for finding in findings]


def _under(prefix: str, path: str) -> str:
    return escape_unprintable(f"{prefix}/{path}" if prefix else path)


def _of_commit(revision: str, path: Path, kept: Kept | None) -> Iterator[Seen]:
    from merlin.dataset.check import check as check_dataset
    from merlin.dataset.check import check_once
    from merlin.wiring.context import source_of

    config = configuration(path)
    if config.repository is None:
        raise Refused("no repository in the configuration", "check-commit-needs-config")
    source, directory = source_of(config), config.repository.directory
    commit = source.resolve(revision)
    for name in source.dataset_trees(commit):
        entries = source.entries(commit, name)
        checked = (check_once if kept is None else check_dataset)(name, entries, source.read)
        prefix = f"{directory}/{name}" if directory else name
        if kept is not None:
            kept.append((prefix, checked, lambda _: True))
        yield len(entries), checked.good, _with_prefix(checked.findings, prefix)


_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check saw: `files` looked at, good `examples`, and findings under shown paths.

    `fixes` are those of a check that mends before, None where it does not.
    """

    datasets: int
    files: int
    examples: int
    findings: Sequence[Finding]
    fixes: Sequence[Fix] | None = None

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def fix_text(fix: Fix, language: str) -> str:
    """Return what became of one file, a line or two."""
    what = ", ".join(text(language, f"fix-{name}") for name in fix.mended)
    place = fix.path if fix.new_path == fix.path else f"{fix.path} -> {fix.new_path}"
    lines = [text(language, "check-fixed", path=place, what=what)] if what else []
    if fix.left:
        why = text(language, f"fix-left-{fix.left}", reason=fix.reason)
        lines.append(text(language, "check-fix-left", path=fix.path, why=why))
    return "\n".join(lines)


def as_text(outcome: Outcome, language: str) -> str:
    """Return a line per finding, as linters write it, and a last line with the counts."""
    lines = [finding.line_text(language) for finding in outcome.findings]
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
            "path": finding.path,
            "line": finding.line,
            "column": finding.column,
            "rule": finding.rule,
            "severity": finding.severity,
            "message": finding.text(language),
        }
        for finding in outcome.findings
    ]
    values = {"files": outcome.files, "examples": outcome.examples, "findings": findings}
    if outcome.fixes is not None:
        fixes = ({**asdict(fix), "message": fix_text(fix, language)} for fix in outcome.fixes)
        values["fixes"] = list(fixes)
    return json.dumps(values, ensure_ascii=False, indent=2)


def as_github(outcome: Outcome, language: str) -> str:
    """Return workflow commands that a code host shows beside the lines.

    Source: GitHub documentation, "Workflow commands for GitHub Actions".
    """
    return "\n".join(
        f"::{_GITHUB[finding.severity]} file={_property(finding.path)},line={finding.line},"
        f"col={finding.column},title={_property(finding.rule)}::{_data(finding.text(language))}"
        for finding in outcome.findings
    )


def _data(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(message: str) -> str:
    return _data(message).replace(":", "%3A").replace(",", "%2C")


def as_sarif(outcome: Outcome, language: str) -> str:
    """Return a SARIF 2.1.0 log (OASIS), which code hosts and editors read."""
    found = sorted({finding.rule for finding in outcome.findings})
    rules = [_sarif_rule(RULES[name], language) for name in found]
    driver = {"name": "merlin", "version": __version__, "rules": rules}
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": found.index(finding.rule),
            "level": str(finding.severity),
            "message": {"text": finding.text(language)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(finding.path)},
                        "region": {"startLine": finding.line, "startColumn": finding.column},
                    }
                }
            ],
        }
        for finding in outcome.findings
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=2)


def _sarif_rule(rule: Rule, language: str) -> dict[str, object]:
    """Return a reportingDescriptor, whose help a code host shows beside a finding."""
    mending = rule.mending(language)
    shown = f"{mending}\n\n```\n{rule.example.rstrip()}\n```" if rule.example else mending
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.meaning(language)},
        "help": {"text": mending, "markdown": shown},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


FORMATS: dict[str, Callable[[Outcome, str], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}


_NAME = Annotated[str, typer.Argument(metavar="[RULE]", help="Only this rule, with its example.")]


@app.command()
def rules(name: _NAME = "", json: AsJson = False) -> None:
    """List the rules of the check, or explain one."""
    if name and name not in RULES:
        near = nearest(name, RULES) or "none"
        raise NotFound(f"no rule {name}", "rules-unknown", rule=name, near=near)
    if json:
        print_json(_to_json(RULES[name]) if name else [_to_json(rule) for rule in RULES.values()])
    elif name:
        sys.stdout.write(_as_text(RULES[name]))
    else:
        rows = [[rule.name, rule.severity, rule.meaning(language())] for rule in RULES.values()]
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
