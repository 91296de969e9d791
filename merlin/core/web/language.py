"""The language that a caller prefers among those we speak."""

from __future__ import annotations

from merlin.core.text import language_of

MOST_RANGES = 20


def language_of_header(header: str, default: str) -> str:
    """Return the language of ours that an Accept-Language header likes best, else `default`.

    Source: RFC 9110, 12.5.4: ranges by comma, weights `;q=` from 0 to 1, 0 = not wanted.
    """
    best, best_weight = default, 0.0
    for part in header.split(",")[:MOST_RANGES]:
        name, _, parameter = part.partition(";")
        language = language_of(name.strip(), "")
        weight = _weight(parameter)
        if language and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    key, _, value = parameter.strip().partition("=")
    if key.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
