"""Loss: a job's losses over its steps as a picture, in the words of whoever looks."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from merlin.api.office.shown import JobDetails, LossPoint
from merlin.core.picture import PictureWords, loss_picture
from merlin.core.text import text

# One takes a tenth of a second and 25 MB while it is drawn.
AT_ONCE = 2


async def picture_of(request: Request, job: JobDetails, language: str, *, is_dark: bool) -> bytes:
    """Return a PNG; where nothing was measured yet it says so. Few are drawn at once."""
    words = PictureWords(
        title=job.build or job.dataset,
        train=text(language, "page-loss-train"),
        test=text(language, "page-loss-test"),
        steps=text(language, "page-losses-steps"),
        none=text(language, "page-no-losses"),
        language=language,
    )
    series = points(job.losses.train), points(job.losses.test)
    async with _easels(request):
        return await asyncio.to_thread(loss_picture, *series, words, dark=is_dark)


def points(series: list[LossPoint]) -> list[tuple[float, float]]:
    """Return a series as it is drawn."""
    return [(each.step, each.loss) for each in series]


def _easels(request: Request) -> asyncio.Semaphore:
    state = request.app.state
    if not hasattr(state, "easels"):
        state.easels = asyncio.Semaphore(AT_ONCE)
    easels: asyncio.Semaphore = state.easels
    return easels
