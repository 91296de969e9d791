"""How people come to ask the live model of a dataset in the bot and on the pages."""

from __future__ import annotations

from enum import StrEnum

from merlin.chat.model_catalogue import ModelCatalogue
from merlin.config import Config
from merlin.db.database import Columns, Database
from merlin.db.tables import COURSE


class Reach(StrEnum):
    """How people come to a live model; its text is the variant of `reach`."""

    DEFAULT = "default"  # it answers where no course is chosen
    COURSE = "course"  # they choose its course
    PRESET = "preset"  # it answers presets and people's own instructions
    NONE = "none"


def list_reaches(db: Database, config: Config) -> dict[str, Reach]:
    """Return how people come to the live model of each dataset that has one."""
    serving = ModelCatalogue(db).all_serving()
    default = config.datasets.default or (serving[0].dataset if serving else "")
    open_courses = COURSE.select(COURSE.slug).where(COURSE.is_active == 1)
    active = {row.slug for row in db.rows(open_courses)}
    assistant = config.assistant

    def find_reach(dataset: str, model: tuple[str, str]) -> Reach:
        ways = (
            (Reach.DEFAULT, dataset == default),
            (Reach.COURSE, dataset in active),
            (Reach.PRESET, model == assistant),
        )
        return next((way for way, is_open in ways if is_open), Reach.NONE)

    return {
        each.dataset: find_reach(
            each.dataset, (each.model.provider, each.model.model_id)
        )
        for each in serving
    }


def tell_reach(db: Database, config: Config, dataset: str, losses: Columns) -> Columns:
    """Return what a notice tells of a live model after its test: first that none can ask it.

    A nested Fluent message; only `losses` where people can.
    """
    reach = list_reaches(db, config).get(dataset)
    if reach is not Reach.NONE:
        return losses
    arguments = {"reach": {"key": "reach-none", "arguments": {}}, "losses": losses}
    return {"key": "live-unreached", "arguments": arguments}
