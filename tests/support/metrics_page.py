"""What a page of metrics says, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.support.full_config import SECRETS


def figure(page, name, **labels):
    """Return the value of one sample; None where the page has none."""
    assert not [secret for secret in SECRETS if secret in page]
    told = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    return told.get((name, frozenset(labels.items())))
