"""What of Merlin was run against programs of others: `tried.yaml`, which `make record-real` writes.

`programs` has by name the `version`, the `date` and what was `shown` (texts `tried-shown-<name>`);
`never` names what was only met as a stand-in (`tried-never-<name>`). `PROTOCOLS` says which
versions of outside protocols were read.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class ReadProtocol:
    """An outside protocol as Merlin speaks it: which version was read, and on which day."""

    protocol: str
    version: str
    date: str

    def as_arguments(self) -> Mapping[str, str]:
        """Return the arguments of the texts that name it."""
        return asdict(self)


# Written by hand when the code follows a newer version.
PROTOCOLS = {
    "telegram": ReadProtocol("Bot API", "10.4", "2026-12-01"),
    "yookassa": ReadProtocol("YooKassa API", "v3 (yookassa 3.13.0)", "2026-11-20"),
    "openai": ReadProtocol("OpenAI API", "openapi.yaml", "2026-08-21"),
}


@cache
def read_tried() -> Mapping[str, Any]:
    """Return what was tried, and what never was."""
    tried: Mapping[str, Any] = yaml.safe_load(
        Path(__file__).with_suffix(".yaml").read_text("utf-8")
    )
    return tried
