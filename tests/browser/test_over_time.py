"""The charts of a dataset over time: their points lead to commits, and a phone shows them whole."""

import pytest
from playwright.sync_api import expect

from merlin.app.over_time import MODELS
from tests.browser.axe_and_screenshots import OUT_OF_PANEL, TOO_WIDE
from tests.browser.course_browser import PHONE
from tests.browser.staff_browser import VERA
from tests.db.pipeline_rows import make_examples, make_spec

pytestmark = pytest.mark.integration


def test_points_lead_to_their_commits_and_nothing_scrolls_sideways(
    staff_visitor, staff_site
):
    rows = staff_site.rows
    rows.finish(rows.jobs.get(staff_site.job_id))
    for position in range(10, 10 + MODELS):
        rows.serve(position, make_examples(10 + position), spec=make_spec("algorithms"))
    page = staff_visitor.open("/datasets/algorithms/over-time", VERA, **PHONE)
    for fold in page.locator(".trend details").all():
        fold.locator("summary").click()
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(OUT_OF_PANEL) == []
    points = page.get_by_role("list", name="Верные ответы на тесте").get_by_role("link")
    expect(points).to_have_count(MODELS)
    points.first.scroll_into_view_if_needed()
    drawn = page.locator(".plot circle").first.bounding_box()
    page.mouse.click(drawn["x"] + drawn["width"] / 2, drawn["y"] + drawn["height"] / 2)
    commit = rows.verdict(10).commit
    expect(page.locator("#story-algorithms")).to_contain_text(commit[:7])
