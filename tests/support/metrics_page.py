"""Reads a metrics page with Prometheus's parser."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support.full_config import SECRETS


def metric_value(page, name, **labels):
    """Return the value of one sample, None if the page does not have it."""
    assert not [secret for secret in SECRETS if secret in page]
    values = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    return values.get((name, frozenset(labels.items())))
