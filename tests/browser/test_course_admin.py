"""The admin pages: live training, actions by mouse and by keyboard, and the charts over time."""

import re

import pytest
from playwright.sync_api import expect

from merlin.app.over_time import MODELS
from merlin.db.audit import Audit
from merlin.db.requests import RequestKind, Requests, RequestState
from tests.browser.axe_and_screenshots import (
    OUT_OF_PANEL,
    TOO_WIDE,
    require_no_faults,
)
from tests.browser.course_browser import PHONE
from tests.browser.staff_browser import ANNA, BORIS, VERA, XSS, add_losses
from tests.db.pipeline_rows import make_examples, make_spec

pytestmark = pytest.mark.integration


def list_requests(staff_site, kind):
    """Return the requests of this kind that vera made to the daemon."""
    requests = Requests(staff_site.db).list_of_author(f"user:{VERA}")
    return [request for request in requests if request.kind == kind.value]


def test_running_job_is_updated_and_open_sections_stay_open(staff_visitor, staff_site):
    page = staff_visitor.open(f"/admin/jobs/{staff_site.job_id}", VERA)
    picture = page.get_by_role("img", name="Потери обучения algorithms-3")
    expect(picture).to_be_visible()
    # Its grounds are all that it is drawn with: forced colours would drop them.
    expect(page.get_by_role("progressbar")).to_have_css("forced-color-adjust", "none")
    log = page.locator("summary", has_text="События")
    line = page.locator("polyline.l:not(.t)").get_attribute("points")
    log.focus()
    add_losses(staff_site, range(70, 91))
    expect(page.locator("#loss-description")).to_contain_text("к шагу 90")
    expect(log).to_be_focused()
    expect(page.get_by_text("эпоха 3 из 4")).to_be_visible()
    assert page.locator("polyline.l:not(.t)").get_attribute("points") != line
    assert page.locator(".chart path.d").count() == 3
    summary = page.locator("#loss-description").text_content()
    assert re.search(r"Потери на тесте: от 1,\d{3} до 0,\d{3} к шагу 90", summary)


def test_first_page_after_signing_in_shows_the_times_of_the_browsers_zone(
    staff_visitor,
):
    plain = staff_visitor.open("/admin/jobs", VERA, java_script_enabled=False)
    (time,) = re.findall(r"\d\d:\d\d", plain.locator("#main").inner_text())[:1]
    late = f"{(int(time[:2]) + 9) % 24:02}{time[2:]}"
    page = staff_visitor.open("/admin/jobs", VERA, timezone_id="Asia/Tokyo")
    expect(page.locator("#main")).to_contain_text(late)


def test_board_follows_a_training(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/board", VERA)
    with page.expect_response("**/admin/board?*seen=*") as response:
        add_losses(staff_site, range(91, 94))
    assert response.value.ok
    expect(page.locator("[aria-labelledby^=of-hci] .slip.bad")).to_contain_text(
        "отклонён"
    )
    # Lanes without a card take no room of the first screen.
    heights = page.locator(".bare-lane").evaluate_all(
        "lanes => lanes.map((it) => it.clientHeight)"
    )
    assert heights
    assert max(heights) < 16
    page.locator("[aria-labelledby^=of-python] .slip.bad a").click()
    expect(page.locator(".story")).to_contain_text(f"insufficient_quota {XSS}")
    # One commit can have a story in several datasets.
    title = page.locator("#of-python").inner_text()
    expect(page.locator(".story")).to_have_accessible_name(
        re.compile(f" {re.escape(title)}$")
    )
    page.keyboard.press("Escape")
    expect(page.locator(".story")).to_have_count(0)
    zone = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}[
        "merlin_zone"
    ]
    assert zone == page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    page.context.set_offline(True)
    expect(page.get_by_text("Нет связи. Страница обновится сама")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Нет связи")).to_have_count(0)


def test_job_is_stopped_by_keyboard_after_confirmation(staff_visitor, staff_site):
    page = staff_visitor.open(f"/admin/jobs/{staff_site.job_id}", VERA)
    summary = page.locator("summary", has_text="Остановить")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Да, остановить")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Да, остановить")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Нет", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(page.get_by_role("button", name="Да, остановить")).to_be_hidden()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Да, остановить").dblclick()
    expect(page.get_by_text(f"Остановка обучения {staff_site.job_id}")).to_be_visible()
    (request,) = list_requests(staff_site, RequestKind.CANCEL)
    Requests(staff_site.db).claim([RequestKind.CANCEL])
    Requests(staff_site.db).finish(
        request.request_id,
        RequestState.FAILED,
        {"key": "cancel-final", "arguments": {"job": "4"}},
    )
    expect(page.get_by_text("Обучение 4 уже завершено")).to_be_visible()
    audited = [
        entry.action
        for entry in Audit(staff_site.db).list_newest(50, f"job:{staff_site.job_id}")
    ]
    assert audited == ["ask.cancel"]


def list_pages(staff_site):
    return {
        "home": "/admin/board",
        "story": f"/admin/board?commit={staff_site.rejected}",
        "jobs": "/admin/jobs",
        "launch": "/admin/jobs?launch=python",
        "job": f"/admin/jobs/{staff_site.job_id}",
        "failed": f"/admin/jobs/{staff_site.job_id - 1}",
        "models": "/admin/models",
        "test": "/admin/models/algorithms-2/evaluation",
        "first-test": "/admin/models/algorithms-1/evaluation",
        "users": "/admin/users",
        "nobody": "/admin/users?query=ъъъъ",
        "user": f"/admin/users/{ANNA}",
        "teacher": f"/admin/users/{BORIS}",
        "audit": "/admin/audit",
        "audit-of": f"/admin/audit?by=user:{VERA}",
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_admin_pages(staff_visitor, staff_site, language):
    pages = {name: (path, VERA) for name, path in list_pages(staff_site).items()}
    require_no_faults(staff_visitor, pages, language)


# The tests below add datasets and models to the site, which the ones above do not expect.


def test_list_of_trainings_follows_what_was_started(staff_visitor, staff_site):
    requests = Requests(staff_site.db)
    number = requests.ask(RequestKind.FETCH, {}, f"user:{VERA}")
    page = staff_visitor.open(f"/admin/jobs?asked={number}", VERA)
    expect(page.locator(".asked")).to_contain_text("в очереди")
    job = staff_site.rows.start(60, make_examples(12), spec=make_spec("started"))
    requests.claim([RequestKind.FETCH])
    with staff_site.browser_client(VERA) as client:
        assert "HX-Refresh" not in client.get(f"/admin/asked/{number}").headers
        requests.finish(number, RequestState.DONE, {})
        assert client.get(f"/admin/asked/{number}").headers["HX-Refresh"] == "true"
    expect(page.get_by_role("link", name="started-1")).to_be_visible()
    expect(page.locator(".asked")).to_contain_text("готово")
    # The list follows the trainings that run, and keeps the place of a person without a mouse.
    page.get_by_role("link", name="started-1").focus()
    staff_site.rows.finish(job)
    expect(page.locator("[aria-labelledby=over]")).to_contain_text("started-1")
    expect(page.get_by_role("link", name="started-1")).to_be_focused()


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
