"""`merlin import --from PROVIDER`: take the training files of an account before it closes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import yaml

from merlin.app import account_import as act, changes
from merlin.app.account_import import COUNTS, AccountContents, FilePlan
from merlin.app.changes import DatasetFiles
from merlin.cli import language
from merlin.cli.daemon_requests import POLL_S
from merlin.cli.edit_session import EditSession, edit_session, print_findings
from merlin.cli.import_fields import ask_fields
from merlin.cli.options import require_yes
from merlin.cli.output import (
    print_json,
    print_line,
    print_message,
    print_table,
    show_progress,
    to_json,
)
from merlin.config import Config, require_provider
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.dataset.import_fields import FieldChoices
from merlin.db.processes import Lead
from merlin.providers.base import JobReport
from merlin.wiring.providers import account_client

if TYPE_CHECKING:
    from merlin.providers.openai_training import OpenAIProvider


def import_account(
    config: Config,
    provider: str,
    dataset: str,
    keep: Path | None,
    choices: FieldChoices,
    *,
    dry_run: bool,
    yes: bool,
    json: bool,
) -> None:
    """Show what an account has and would bring; then commit the examples of each file.

    With `yes` a file is committed as soon as it is read. `keep` is a folder that gets each file as
    it was downloaded. Exits with 1 if something of a file is neither an example nor kept, or a
    field is to be asked about. Raises NotFound, ProviderError, Refused, OSError.
    """
    service = account_client(require_provider(config, provider))
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
        download = _keep_files(account, service, keep) if keep else service.read_file
        with show_progress("import-progress", len(account.files)) as advance:
            read = _show_findings(
                act.plan_files(session.ctx, account, download, files, choices), advance
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
    document = _to_json(account, plans)
    if keep:
        act.keep_record(keep, to_json(document))
    if json:
        print_json(document)
    said = {**counts, "new": counts["taken"], "changed": 0, "held": 0}
    print_message("did-plan" if dry_run else "did-import", **said)
    asked = [
        question for each in plans for plan in each.plans for question in plan.questions
    ]
    if asked:
        raise ask_fields(asked)
    if not (_show_left_out(plans, keep) or dry_run):
        raise typer.Exit(1)


def _keep_files(
    account: AccountContents, service: OpenAIProvider, folder: Path
) -> Callable[[str], bytes]:
    """Download each file that the folder lacks; return what reads one from there.

    A file that the provider does not give out is asked for again, and told, by the plan.
    """
    read = partial(act.read_kept, folder, download=service.read_file)
    with show_progress("import-keep-progress", len(account.files)) as advance:
        for file in account.files:
            act.read_if_allowed(partial(read, file.file_id))
            advance()
    return read


def _show_left_out(plans: Sequence[FilePlan], keep: Path | None) -> bool:
    """Say what is no example, and how it is kept; return whether all that was read is kept."""
    missing = sum(bool(plan.failure) for plan in plans)
    rejected = sum(plan.count()["rejected"] for plan in plans)
    if rejected:
        print_message("import-left-out", count=rejected)
    if missing:
        print_message("import-not-given", count=missing)
    if keep:
        print_message("import-kept", count=len(plans) - missing, folder=str(keep))
    else:
        print_message("import-keep")
    return not missing and bool(keep or not rejected)


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
            ends.pop(job.model_id or "", None),
            job.base_model,
            job.provider_job_id,
            _name_train_file(account, job),
        ]
        for job in account.jobs
    ]
    rows += [[name, end, None, None, None] for name, end in ends.items()]
    headings = ("model", "shutdown", "base-model", "job", "training-file")
    if rows:
        print_table([f"col-{name}" for name in headings], rows)


def _name_train_file(account: AccountContents, job: JobReport) -> str:
    name = account.name_train_file(job)
    return text(language(), "import-file-gone") if name is None else name


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
        "jobs": [
            {
                **asdict(each),
                "is_train_file_gone": account.name_train_file(each) is None,
            }
            for each in account.jobs
        ],
        "models": [asdict(card) for card in account.models],
        "refusal": str(account.refusal) if account.refusal else None,
        "recipe": account.recipe,
    }
