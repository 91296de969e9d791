"""A question that comes through the API, with the whole conversation in every call.

    merlin              the model that serves the default dataset
    merlin/<dataset>    the model that serves this dataset

Nothing of the conversation is kept. A system text of the caller's own is treated as that of a
session: a general model answers, because the tuned one was taught with another text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.billing.plan import Format
from merlin.chat.model_catalogue import General, ModelRequest
from merlin.core.messages import FREELY, Message, SamplingParams

ALONE = "merlin"
_FOLDER = f"{ALONE}/"
# The one who reserves is known by its questions' numbers; Telegram's are far below.
NUMBER_BITS = 62


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with all that was said before it.

    `name` is the model as the caller called it, `dataset` what is meant by it, None for the
    default one. `talk` ends with the question; `system` is the caller's own system text,
    `steering` what it wishes of the answer.
    """

    name: str
    dataset: str | None
    talk: tuple[Message, ...]
    system: str = ""
    steering: SamplingParams = FREELY

    @property
    def has_images(self) -> bool:
        """Return whether any picture was sent."""
        return any(message.images for message in self.talk)

    @property
    def kind(self) -> Format:
        """Return what a plan counts it as."""
        return Format.PHOTO if self.has_images else Format.TEXT


@dataclass(frozen=True, slots=True)
class Means:
    """What the configuration offers besides the serving models.

    `general` is each provider with its configured model, `assistant` the one for system texts of
    people's own, `vision` what sees pictures, None where nothing does.
    """

    general: Sequence[General] = ()
    assistant: General | None = None
    vision: General | None = None


def name_of(dataset: str) -> str:
    """Return the name by which the door knows a dataset's serving model."""
    return f"{_FOLDER}{dataset}"


def is_known(name: str) -> bool:
    """Return whether the name could be one of the door's: "merlin" or "merlin/<dataset>"."""
    return name == ALONE or (name.startswith(_FOLDER) and len(name) > len(_FOLDER))


def dataset_of(name: str, default: str | None) -> str | None:
    """Return the dataset that a name of the door's means."""
    return default if name == ALONE else name.removeprefix(_FOLDER)


def wish_of(asked: Asked, means: Means) -> ModelRequest:
    """Return what is asked for: pictures go to the model that sees."""
    return ModelRequest(
        dataset=asked.dataset,
        chosen=means.vision if asked.has_images else None,
        general=means.general,
        system=asked.system,
        assistant=means.assistant,
    )
