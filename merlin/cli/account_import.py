"""`merlin import --from PROVIDER`: take the training files of an account before it closes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict

import yaml

from merlin.app import account_import as act, changes
from merlin.app.account_import import COUNTS, AccountContents, FilePlan
from merlin.app.changes import DatasetFiles
from merlin.cli import language
from merlin.cli.daemon_requests import POLL_S
from merlin.cli.edit_session import EditSession, edit_session, print_findings
from merlin.cli.options import require_yes
from merlin.cli.output import (
    print_json,
    print_line,
    print_message,
    print_table,
    show_progress,
)
from merlin.config import Config, require_provider
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.db.processes import Lead
from merlin.wiring.providers import training_client


def import_account(
    config: Config, provider: str, dataset: str, *, dry_run: bool, yes: bool, json: bool
) -> None:
    """Show what an account has and would bring; then commit the examples of each file.

    With `yes` a file is committed as soon as it is read. Raises NotFound, ProviderError, Refused.
    """
    service = training_client(require_provider(config, provider))
    # Two runs at once would take the same file.
    with (
        closing(service),
        edit_session(config) as session,
        Lead(config.state_dir, config.database, "import"),
    ):
        files = _read_files(session, dataset)
        account = act.read_account(provider, service)
        if not json:
            _show_account(account)
        with show_progress("import-progress", len(account.files)) as advance:
            read = _show_findings(
                act.plan_files(session.ctx, account, service, files), advance
            )
            plans = _take(session, read) if yes and not dry_run else [*read]
        counts = {name: sum(plan.count()[name] for plan in plans) for name in COUNTS}
        if not json:
            _show_plans(account, plans)
        if not (yes or dry_run):
            count = counts["taken"]
            require_yes(
                "import-sure", "import-not-sure", is_confirmed=not count, count=count
            )
            _take(session, plans)
    if json:
        print_json(_to_json(account, plans))
    print_message("did-plan" if dry_run else "did-import", **counts)
    if counts["rejected"]:
        print_message("import-left-out", count=counts["rejected"])


def _read_files(session: EditSession, dataset: str) -> DatasetFiles:
    """Return the dataset's files once the newest commit is among them. Raises NotFound."""
    try:
        while (
            files := changes.read_files(session.ctx, session.actor, dataset)
        ).is_behind:
            time.sleep(POLL_S)
    except NotFound as error:
        error.key = "import-no-dataset"
        raise
    return files


def _show_findings(
    plans: Iterable[FilePlan], advance: Callable[[], None]
) -> Iterator[FilePlan]:
    for each in plans:
        for plan in each.plans:
            print_findings([*plan.findings, *plan.preview.around])
        advance()
        yield each


def _take(session: EditSession, plans: Iterable[FilePlan]) -> list[FilePlan]:
    """Commit the examples of each file; return the plans. Says what is kept if it is cut off."""
    done = list[FilePlan]()
    try:
        for each in plans:
            if each.digest:
                act.take_file(
                    session.ctx, session.actor, each, session.editor, session.wait
                )
            done.append(each)
    except (MerlinError, KeyboardInterrupt):
        print_message("import-cut", count=len(done))
        raise
    return done


def _show_account(account: AccountContents) -> None:
    if account.refusal:
        print_message("import-no-jobs", reason=str(account.refusal))
    ends = {card.model_id: card.shutdown_date for card in account.models}
    rows = [
        [
            job.model_id,
            ends.pop(job.model_id, None),
            job.base_model,
            job.provider_job_id,
        ]
        for job in account.jobs
        if job.model_id
    ]
    rows += [[name, end, None, None] for name, end in ends.items()]
    headings = ("model", "shutdown", "base-model", "job")
    if rows:
        print_table([f"col-{name}" for name in headings], rows)


def _show_plans(account: AccountContents, plans: Sequence[FilePlan]) -> None:
    """Print what each file brings, and the hyper-parameters of the newest job for a recipe."""
    rows = []
    for plan in plans:
        detail = str(plan.failure or "")
        if not (plan.digest or plan.failure):
            detail = text(language(), "import-file-taken")
        elif plan.file.file_id in account.test_files:
            detail = text(language(), "import-file-test")
        rows.append([plan.file.file_id, plan.file.name, *plan.count().values(), detail])
    headings = ("file", "name", "lines", "new", "known", "errors", "detail")
    print_table([f"col-{name}" for name in headings], rows)
    if recipe := account.recipe:
        print_line("import-recipe", job=recipe.pop("job"), model=recipe.pop("model"))
        sys.stdout.write(yaml.safe_dump({"recipe": recipe}, sort_keys=False))
        sys.stdout.flush()


def _to_json(account: AccountContents, plans: Iterable[FilePlan]) -> dict[str, object]:
    return {
        "provider": account.provider,
        "files": [
            {
                **asdict(plan.file),
                **plan.count(),
                "is_taken": not (plan.digest or plan.failure),
                "is_test": plan.file.file_id in account.test_files,
                "failure": str(plan.failure) if plan.failure else None,
                "at_lines": [
                    {**asdict(finding), "message": finding.text(language())}
                    for each in plan.plans
                    for finding in each.findings
                ],
            }
            for plan in plans
        ],
        "jobs": [asdict(each) for each in account.jobs],
        "models": [asdict(card) for card in account.models],
        "refusal": str(account.refusal) if account.refusal else None,
        "recipe": account.recipe,
    }
