"""Exposition: samples as the text that Prometheus reads.

Source: prometheus.io, "Exposition formats", text format 0.0.4: one HELP and TYPE line a family,
its samples together; in a label's value backslash, quote and line feed are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One number and what tells it from others of its family."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name; `kind` is "counter" or "gauge"."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def metric_name(*words: str) -> str:
    """Return `words` as one name of a metric; what a name may not hold becomes "_"."""
    return "_".join(_NOT_IN_NAMES.sub("_", word) for word in words)


def exposed(families: Iterable[Family]) -> str:
    """Return the page of all families that have samples."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            lines.append(f"# HELP {family.name} {_escaped(family.help)}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines.extend(_line(family.name, sample) for sample in family.samples)
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    pairs = ",".join(
        f'{key}="{_escaped(value, quoted=True)}"' for key, value in sample.labels.items()
    )
    return f"{name}{{{pairs}}} {sample.value:.15g}" if pairs else f"{name} {sample.value:.15g}"


def _escaped(value: str, *, quoted: bool = False) -> str:
    plain = value.replace("\\", "\\\\").replace("\n", "\\n")
    return plain.replace('"', '\\"') if quoted else plain
