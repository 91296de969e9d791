"""`merlin jobs quote`: what the next training costs, and why none can be started."""

import pytest

pytestmark = pytest.mark.functional


@pytest.mark.usefixtures("lab")
def test_quote_is_a_table_of_offers_and_why_none_can_be_taken(run, run_json):
    quote = run_json("jobs", "quote", "trial")
    assert (quote["build"], quote["base_model"]) == ("trial-1", "stand-in-base")
    captured = run("jobs", "quote", "trial")[1]
    assert len(captured.out.splitlines()) == 1 + len(quote["offers"])
    assert "stand-in-base · stand-in" in captured.out
    assert f"It can't be launched now: {quote['refusal']}" in captured.err
