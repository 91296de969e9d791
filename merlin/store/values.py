"""From stored rows to values of the domain and back: times, JSON, words that a database takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from merlin.build.record import Build
from merlin.build.verdict import Verdict, Word
from merlin.core.clock import from_iso, iso
from merlin.core.message import Message
from merlin.dataset.spec import DatasetSpec, LaunchRule, Recipe, SplitRule
from merlin.job.lifecycle import Job, JobState
from merlin.model.registry import Model, ModelState
from merlin.store.database import Row


def plain(text: str) -> str:
    """Return `text` as both databases store it: no NUL, no half of a surrogate pair."""
    return (
        text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def dumped(value: object) -> str:
    """Return `value` as the JSON that a column keeps."""
    return plain(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def loaded(text: str | None) -> Any:
    """Return what `dumped` wrote; None stays None."""
    return None if text is None else json.loads(text)


def stored_time(moment: datetime | None) -> str | None:
    """Return a time as a column keeps it."""
    return None if moment is None else iso(moment)


def read_time(text: str | None) -> datetime | None:
    """Return the time that a column keeps."""
    return None if text is None else from_iso(text)


def spec_of(text: str | None) -> DatasetSpec | None:
    """Return a dataset's settings as `dumped(asdict(spec))` wrote them."""
    if text is None:
        return None
    stored = json.loads(text)
    stored["recipe"] = Recipe(**stored["recipe"])
    stored["split"] = SplitRule(**stored["split"])
    stored["launch"] = LaunchRule(**stored["launch"])
    return DatasetSpec(**stored)


def dumped_spec(spec: DatasetSpec | None) -> str | None:
    """Return a dataset's settings as JSON; `spec_of` reads it."""
    return None if spec is None else dumped(asdict(spec))


def messages_of(text: str) -> tuple[Message, ...]:
    """Return the messages that `dumped_messages` wrote."""
    return tuple(_message(each) for each in json.loads(text))


def _message(stored: Mapping[str, Any]) -> Message:
    extra = {key: value for key, value in stored.items() if key not in ("role", "content")}
    return Message(stored["role"], stored["content"], extra)


def build_of(row: Row) -> Build:
    """Return the build of a row of the table build."""
    return Build(
        build_id=row["id"],
        dataset=row["dataset"],
        number=row["number"],
        digest=row["digest"],
        folder=row["folder"],
        system=row["system"],
        train=row["train"],
        test=row["test"],
        train_tokens=row["train_tokens"],
        test_tokens=row["test_tokens"],
        created_at=from_iso(row["created_at"]),
        manifest=loaded(row["manifest"]),
    )


def verdict_of(row: Row) -> Verdict:
    """Return the verdict of a row of `store.verdicts.verdicts`."""
    return Verdict(
        commit=row["commit_sha"],
        dataset=row["dataset"],
        position=row["position"],
        word=Word(row["word"]),
        subject=row["subject"],
        author=row["author"],
        committed_at=from_iso(row["committed_at"]),
        seen_at=from_iso(row["seen_at"]),
        updated_at=from_iso(row["updated_at"]),
        message=row["message"],
        build_id=row["build_id"],
        job_id=row["job_id"],
        wish=row["wish"],
        spec=spec_of(row["spec"]),
        reason=row["reason"],
        arguments=loaded(row["arguments"]),
    )


def job_of(row: Row) -> Job:
    """Return the job of a row of the table job."""
    return Job(
        job_id=row["id"],
        launch_key=row["launch_key"],
        dataset=row["dataset"],
        build_id=row["build_id"],
        provider=row["provider"],
        recipe=Recipe(**loaded(row["recipe"])),
        attempt=row["attempt"],
        state=JobState(row["state"]),
        created_at=from_iso(row["created_at"]),
        updated_at=from_iso(row["updated_at"]),
        provider_job_id=row["provider_job_id"],
        status=row["status"],
        model_id=row["model_id"],
        trained_tokens=row["trained_tokens"],
        estimate_micro=row["estimate_micro"],
        currency=row["currency"],
        error=row["error"],
        not_before=read_time(row["not_before"]),
    )


def model_of(row: Row) -> Model:
    """Return the model of a row of `store.models.models`."""
    return Model(
        model_row=row["id"],
        provider=row["provider"],
        model_id=row["model_id"],
        dataset=row["dataset"],
        build_id=row["build_id"],
        build_version=f"{row['dataset']}-{row['build_number']}",
        job_id=row["job_id"],
        state=ModelState(row["state"]),
        created_at=from_iso(row["created_at"]),
        probes=row["probes"],
        not_before=read_time(row["not_before"]),
        note=row["note"],
    )
