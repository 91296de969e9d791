"""A model's evaluation: may it answer people, and if not, what to mend.

The verdict first, then the scores of versions and tags and the losses, then question by question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages.admin.jobs import Asked, asked_request, curve_view
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Watching, render_page
from merlin.api.schema import LINE, Name
from merlin.app import evaluation, jobs
from merlin.app.evaluation import ENOUGH_QUESTIONS, Change, ProofReport, TagScores, scores_of
from merlin.app.models import ModelView
from merlin.core.score_charts import plot_scores

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PERCENT, _MOST_SHOWN = 100, 100
Against = Annotated[str, Query(max_length=200, pattern=LINE)]
Shown = Annotated[Literal["", "lost", "gained", "wrong", "right"], Query()]


@router.get("/admin/models/{name}/evaluation")
async def show_evaluation(
    visit: Watching, name: Name, against: Against = "", show: Shown = "", asked: Asked = 0
) -> Response:
    """Return how a model did at its test questions, beside another one where there is one."""
    found = await visit.read(evaluation.read_evaluation, name, against)
    job = await visit.read(jobs.get, found.model.job) if found.model.job else None
    view: dict[str, object] = {
        "asked": await asked_request(visit, asked),
        "found": found,
        "wrong": await visit.read(evaluation.explain_wrong, found),
        "chart": plot_scores(scores_of(found, visit.language, visit.zone), visit.language),
        "curve_shown": curve_view(visit, job) if job else None,
        "lowest": _lowest_step(job.losses.series()["test"]) if job else None,
        "answers_of": _answers(found.report, show) if found.report else None,
    }
    return render_page(visit, "admin_evaluation.html", view)


def evaluation_href(model: ModelView) -> str:
    """Return the address of a model's evaluation."""
    return f"/admin/models/{quote(model.title, safe='')}/evaluation"


def _lowest_step(test: list[tuple[float, float]]) -> float | None:
    """Return after which step the test loss rose for good, None where it did not."""
    if not test:
        return None
    step, _ = min(test, key=lambda point: point[1])
    return step if step < test[-1][0] else None


@dataclass(frozen=True, slots=True)
class TagRow:
    """Right answers to the questions of a tag; `before` None where not all were asked before."""

    tag: str
    questions: int
    now: int
    before: int | None

    @property
    def gain(self) -> int:
        """Return how many more are right than before."""
        return 0 if self.before is None else self.now - self.before


def _tag_row(scores: TagScores) -> TagRow:
    before = scores.right_before if scores.common == scores.questions else None
    return TagRow(scores.tag, scores.questions, scores.right, before)


def _answers(report: ProofReport, show: Shown) -> dict[str, object]:
    """Return the answers to list, how many of which kind there are, and the tags, worst first."""
    wanted = [Change(show)] if show else [each for each in Change if each is not Change.RIGHT]
    answers, compared = report.of(*wanted), report.comparison
    common = compared.now.questions if compared else 0
    ends = [(compared.low, compared.high)] if compared else []
    return {
        "show": show,
        "shown": answers[:_MOST_SHOWN],
        "left_out": max(len(answers) - _MOST_SHOWN, 0),
        "counts": {each.value: len(report.of(each)) for each in Change},
        "declined": sum(each.kind == "refused" for each in report.of(Change.LOST)),
        "common": common,
        "interval": [round((each or 0.0) * common / _PERCENT) for pair in ends for each in pair],
        "is_few": report.scores.questions < ENOUGH_QUESTIONS,
        "enough": ENOUGH_QUESTIONS,
        "tags": sorted(map(_tag_row, report.tags), key=lambda row: (row.gain, row.tag)),
    }
