"""What a running engine tells of itself, asked over HTTP with its key."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from merlin.config import Config, credential
from merlin.core.errors import ConfigError, Refused
from merlin.wiring.health import place_of

ANSWER_S = 10.0


def engine_told(config: Config) -> dict[str, Any]:
    """Return jobs, bases, models and machine of the engine of this configuration.

    Raises Refused where nobody answers, ConfigError where the key is another engine's.
    """
    url = f"http://{place_of(config.engine.address)}/view"
    key = credential(config.engine.credential)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.UNAUTHORIZED:
            raise ConfigError("wrong engine key", "engine-view-key", place=url) from error
        raise _silent(url, error) from error
    except (OSError, ValueError) as error:
        raise _silent(url, error) from error
    return told


def _silent(url: str, error: Exception) -> Refused:
    return Refused("engine does not answer", "engine-view-silent", place=url, reason=str(error))
