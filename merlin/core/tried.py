"""What of Merlin was run against programs of others: `tried.yaml`, which `make record-real` writes.

`programs` has by name the `version`, the `date` and what was `shown` (texts `tried-shown-<name>`);
`never` names what was only met as a stand-in (`tried-never-<name>`).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def read_tried() -> Mapping[str, Any]:
    """Return what was tried, and what never was."""
    tried: Mapping[str, Any] = yaml.safe_load(
        Path(__file__).with_suffix(".yaml").read_text("utf-8")
    )
    return tried
