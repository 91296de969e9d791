"""What was run for real, in merlin/core/tried.yaml: `make record-real` writes it, no hand does."""

from datetime import UTC, datetime
from pathlib import Path

import yaml

PATH = Path(__file__).parents[2] / "merlin" / "core" / "tried.yaml"
HEAD = "# Written by `make record-real`, never by hand; shown in docs/*/tried.md.\n"


def note(program, shown):
    """Add what a passed test showed of a program; another version or day begins its list anew."""
    document = yaml.safe_load(PATH.read_text("utf-8"))
    now = {"version": program.version, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    entry = document["programs"].get(program.name, {})
    is_same = {name: entry.get(name) for name in now} == now
    earlier = entry["shown"] if is_same else []
    document["programs"][program.name] = {**now, "shown": sorted({*earlier, *shown})}
    PATH.write_text(HEAD + yaml.safe_dump(document, sort_keys=True), "utf-8")
