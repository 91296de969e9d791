"""The admin pages: live training, and actions by mouse, by keyboard and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from merlin.account.api_keys import ApiKeys
from merlin.account.sign_ins import SignIns
from merlin.account.users import Users
from merlin.dataset.verdicts import VerdictStatus, transition
from merlin.db.audit import Audit
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.db.tables import VERDICT
from merlin.training.promote import Promotions
from tests.browser.axe_and_screenshots import FITS, require_no_faults
from tests.browser.course_browser import DESKTOP, PHONE
from tests.browser.staff_browser import ANNA, BORIS, VERA, XSS, add_losses, finish_job
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
    table = page.locator("summary", has_text="Таблица потерь")
    table.click()
    first = page.locator("#losses tbody tr").first.locator("td").first
    expect(first).to_have_text("69")
    line = page.locator("polyline.l:not(.t)").get_attribute("points")
    table.focus()
    add_losses(staff_site, range(70, 91))
    expect(first).to_have_text("90")
    expect(table).to_be_focused()
    expect(page.get_by_text("эпоха 3 из 4")).to_be_visible()
    assert page.locator("polyline.l:not(.t)").get_attribute("points") != line
    assert page.locator(".chart path.d").count() == 3
    summary = page.locator("#loss-description").text_content()
    assert re.search(r"Потери на тесте: от 1,\d\d до 0,\d\d к шагу 90", summary)


def test_board_shows_warnings_and_follows_a_training(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/board", VERA)
    expect(page.locator(".cares")).to_contain_text("recall отключат через 40 дней")
    line = page.locator(".slip", has_text="algorithms-3").locator(".spark polyline:not(.t)")
    before = line.get_attribute("points")
    add_losses(staff_site, range(91, 94))
    expect(line).not_to_have_attribute("points", before)
    page.get_by_role("link", name="Требуют внимания").click()
    expect(page.locator("[aria-labelledby^=of-hci] .slip.bad")).to_contain_text("отклонён")
    # Lanes without a card take no room of the first screen.
    heights = page.locator(".bare-lane").evaluate_all("lanes => lanes.map((it) => it.clientHeight)")
    assert heights
    assert max(heights) < 16
    page.locator("[aria-labelledby^=of-python] .slip.bad a").click()
    expect(page.locator(".story")).to_contain_text(f"insufficient_quota {XSS}")
    # One commit can have a story in several datasets.
    title = page.locator("#of-python").inner_text()
    expect(page.locator(".story")).to_have_accessible_name(re.compile(f" {re.escape(title)}$"))
    page.keyboard.press("Escape")
    expect(page.locator(".story")).to_have_count(0)
    zone = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}["merlin_zone"]
    assert zone == page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    page.context.set_offline(True)
    expect(page.get_by_text("Нет связи. Страница обновится сама")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Нет связи")).to_have_count(0)


def test_open_board_stays_as_it_is_when_its_sign_in_ends(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/board", VERA)
    slips = page.locator(".slip").count()
    SignIns(staff_site.db).close_all(VERA)
    expect(page.get_by_text("Войдите ещё раз")).to_be_visible()
    expect(page.get_by_role("button", name="Войти в новой вкладке")).to_be_visible()
    assert page.locator(".slip").count() == slips
    page.reload()
    expect(page.get_by_role("heading", name="Вход")).to_be_visible()


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
    expect(page.get_by_text(f"Остановить обучение {staff_site.job_id}")).to_be_visible()
    (request,) = list_requests(staff_site, RequestKind.CANCEL)
    Requests(staff_site.db).claim([RequestKind.CANCEL])
    Requests(staff_site.db).finish(
        request.request_id, RequestState.FAILED, {"key": "cancel-final", "arguments": {"job": "4"}}
    )
    expect(page.get_by_text("Обучение 4 уже завершено")).to_be_visible()
    audited = [
        entry.action for entry in Audit(staff_site.db).list_newest(50, f"job:{staff_site.job_id}")
    ]
    assert audited == ["ask.cancel"]


def test_model_is_rolled_back_pinned_and_compared_without_javascript(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/models", VERA, java_script_enabled=False, **PHONE)
    page.get_by_text("Вернуть прежнюю", exact=True).click()
    page.get_by_role("button", name="Да, вернуть").click()
    expect(page.get_by_text("Вернуть прежнюю модель: Нейротипология")).to_be_visible()
    page.get_by_text("Закрепить", exact=True).click()
    page.get_by_role("button", name="Да, закрепить").click()
    expect(page.get_by_text("Закрепить модель: Нейротипология")).to_be_visible()
    page.get_by_text("Сделать текущей", exact=True).first.click()
    page.get_by_role("button", name="Да, сделать текущей").first.click()
    expect(page.get_by_text(re.compile(r"^Сделать текущей: algorithms-\d$"))).to_be_visible()
    assert len(list_requests(staff_site, RequestKind.ROLLBACK)) == 1
    assert len(list_requests(staff_site, RequestKind.PIN)) == 1
    for name in ("algorithms-1", "algorithms-2"):
        page.get_by_label(f"Выбрать {name} для сравнения").check()
    page.get_by_role("button", name="Сравнить две").click()
    expect(page.get_by_role("heading", name="Тест algorithms-2")).to_be_visible()
    expect(page.get_by_role("article").first).to_contain_text(f"Новая: неверно{XSS}")
    page.get_by_role("link", name="Стало верно").click()
    expect(page.get_by_text("Таких вопросов нет.")).to_be_visible()


def test_training_is_launched_after_its_cost_is_shown(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/jobs", VERA)
    page.get_by_label("Набор").select_option("python")
    page.get_by_role("button", name="Рассчитать стоимость").click()
    page.wait_for_url("**/admin/jobs?launch=python*")
    expect(page.get_by_text("Примерная стоимость")).to_be_visible()
    page.get_by_role("button", name=re.compile("Запустить обучение: меньше")).click()
    expect(page.get_by_text("Запустить обучение: Нейротипология")).to_be_visible()
    assert len(list_requests(staff_site, RequestKind.LAUNCH)) == 1


def test_commit_can_be_followed_step_by_step_to_the_serving_model(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/verdicts", VERA)
    page.get_by_role("link", name="a002000").click()
    steps = page.locator(".steps li")
    expect(steps).to_have_count(6)
    expect(steps.last).to_contain_text("Отвечает людям")
    expect(page.locator("[aria-current=step]")).to_have_count(1)
    page.get_by_role("link", name="Сборка algorithms-2").click()
    expect(page.get_by_role("heading", name="Сравнение с algorithms-1")).to_be_visible()
    page.goto(f"{staff_site.address}/admin/verdicts?commit={staff_site.rejected}")
    expect(page.get_by_text("examples/x.yaml, строка 3")).to_be_visible()
    expect(page.get_by_text(XSS, exact=True)).to_be_visible()


def test_user_is_found_given_a_role_and_blocked(staff_visitor, staff_site):
    number = staff_site.add_user(next(staff_site.numbers))
    Users(staff_site.db).set_name(number, f"Пётр {XSS}")
    page = staff_visitor.open("/admin/users", VERA)
    page.get_by_role("searchbox").fill("Пётр")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Пётр").click()
    page.get_by_text("Сменить роль").click()
    page.get_by_label("преподаватель").check()
    page.get_by_label("Курс преподавателя").select_option("hci")
    page.get_by_role("button", name="Да, выдать роль").click()
    expect(page.get_by_text("Сохранено.")).to_be_visible()
    assert staff_site.roles.authority(number).scopes == {"hci"}
    page.get_by_text("Закрыть доступ", exact=True).click()
    page.get_by_role("button", name="Да, закрыть").click()
    expect(page.get_by_text("доступ закрыт", exact=True)).to_be_visible()
    audited = {entry.action for entry in Audit(staff_site.db).list_newest(50, f"user:{number}")}
    assert "role.grant" in audited
    page.goto(f"{staff_site.address}/admin/users/{VERA}")
    expect(page.get_by_text("Вашу роль может сменить другой администратор.")).to_be_visible()


def test_audit_log_is_paginated_and_filtered_by_person(staff_visitor, staff_site):
    number = staff_site.add_user(next(staff_site.numbers))
    Users(staff_site.db).set_name(number, f"Пётр {XSS}")
    for turn in range(30):
        by = f"user:{VERA}" if turn else "cli:root"
        Users(staff_site.db).block(number, by)
        Users(staff_site.db).block(number, by, is_blocked=False)
    page = staff_visitor.open("/admin/audit", VERA, java_script_enabled=False, **PHONE)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("доступ открыт")
    expect(rows.first).to_contain_text(f"Пётр {XSS}")
    page.get_by_role("link", name="Показать более ранние").click()
    expect(rows.filter(has_text="root (командная строка)")).to_have_count(2)
    page.get_by_role("link", name="root (командная строка)").first.click()
    expect(page.get_by_text("Только root (командная строка)")).to_be_visible()
    expect(rows).to_have_count(2)
    rows.first.get_by_role("link", name="Пётр").click()
    page.get_by_role("link", name="Все действия этого человека").click()
    expect(page.get_by_text("Записей нет.")).to_be_visible()


def test_audit_log_names_the_models_of_an_action(staff_visitor, staff_site):
    model = Promotions(staff_site.db).model("algorithms-1")
    details = {"to": model.model_id}
    Audit(staff_site.db).note(f"user:{VERA}", "ask.rollback", "dataset:algorithms", details)
    page = staff_visitor.open("/admin/audit", VERA)
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("стало: algorithms-1")
    expect(row).not_to_contain_text(model.model_id)


def test_header_links_depend_on_permissions(staff_visitor, staff_site):
    def read_links(user_id):
        page = staff_visitor.open("/", user_id)
        return page.get_by_role("navigation", name="Разделы").get_by_role("link").all_inner_texts()

    assert read_links(None) == ["Курсы"]
    assert read_links(ANNA) == ["Курсы"]
    assert read_links(BORIS) == ["Курсы", "Преподавание", "Управление"]
    page = staff_visitor.open("/admin/board", BORIS)
    names = page.get_by_role("navigation", name="Разделы управления").get_by_role("link")
    assert names.all_inner_texts() == ["Путь", "Обучение", "Модели", "Сборки", "Коммиты"]
    expect(page.get_by_text("python-1")).to_have_count(0)


def test_billing_page_distinguishes_no_orders_from_no_results(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/billing", VERA)
    expect(page.get_by_role("heading", name="Заказов пока нет")).to_be_visible()
    page.get_by_placeholder("ID или № заказа").fill(str(ANNA))
    page.get_by_role("button", name="Показать").click()
    expect(page.get_by_role("heading", name="Таких заказов нет")).to_be_visible()


def test_health_page_shows_silent_processes_and_sunsets(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/health", VERA)
    expect(page.locator(".procs li").first).to_contain_text("Ботнет сигнала")
    # 39 if midnight has passed since the dates were set.
    expect(page.get_by_text(re.compile("через (39|40) дней"))).to_be_visible()


def test_page_with_a_filter_further_down_starts_at_its_top(staff_visitor):
    page = staff_visitor.open("/admin/models/algorithms-2/evaluation", VERA)
    expect(page.locator("nav [aria-current]").last).to_be_visible()
    assert page.evaluate("scrollY") == 0


def list_pages(staff_site):
    return {
        "home": "/admin/board",
        "story": f"/admin/board?commit={staff_site.rejected}",
        "jobs": "/admin/jobs",
        "launch": "/admin/jobs?launch=python",
        "job": f"/admin/jobs/{staff_site.job_id}",
        "failed": f"/admin/jobs/{staff_site.job_id - 1}",
        "models": "/admin/models",
        "test": "/admin/models/algorithms-2/evaluation?against=algorithms-1",
        "first-test": "/admin/models/algorithms-1/evaluation",
        "builds": "/admin/builds",
        "build": "/admin/builds/algorithms-2",
        "verdicts": "/admin/verdicts",
        "verdict": f"/admin/verdicts?commit={staff_site.rejected}",
        "no-verdict": "/admin/verdicts?commit=ffff",
        "users": "/admin/users",
        "nobody": "/admin/users?query=ъъъъ",
        "user": f"/admin/users/{ANNA}",
        "teacher": f"/admin/users/{BORIS}",
        "health": "/admin/health",
        "audit": "/admin/audit",
        "audit-of": f"/admin/audit?by=user:{VERA}",
    }


def test_names_and_states_of_tables_are_readable_on_a_phone(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/models", VERA, **PHONE)
    names = page.locator(".rows.models > li > div:not(.ends)")
    assert min(name.bounding_box()["width"] for name in names.all()) > 180
    page.goto(f"{staff_site.address}/admin/builds")
    expect(page.locator("tr", has_text="algorithms-1").locator("td").last).to_be_in_viewport(
        ratio=1
    )


def test_names_have_the_whole_row_on_the_narrowest_screen(staff_visitor, staff_site):
    page = staff_visitor.page(VERA, viewport={"width": 320, "height": 640})
    page.goto(f"{staff_site.address}/admin/users")
    rows = page.locator(".rows.work > li")
    insides = "(rows) => rows.map(row => row.clientWidth - row.firstElementChild.offsetWidth)"
    assert rows.count() > 1
    assert max(rows.evaluate_all(insides)) < 40


def test_buttons_of_the_same_words_are_told_apart_by_screen_readers(staff_visitor, staff_site):
    for label in ("бот", "скрипт"):
        ApiKeys(staff_site.db).make(VERA, label, ["courses:read"])
    edit = f"/courses/{staff_site.course_id('algorithms')}/edit"
    page = staff_visitor.page(VERA)
    spoken = "(all) => all.map((it) => `${it.innerText}: ${it.ariaDescription}`)"
    for path in ("/admin/models", "/me", edit):
        page.goto(staff_site.address + path)
        names = page.locator("details.sure > summary").evaluate_all(spoken)
        assert len(names) > 1, path
        assert len(names) == len(set(names)), path


def test_printed_lists_have_no_search_and_no_filter(staff_visitor, staff_site):
    page = staff_visitor.page(VERA, viewport=DESKTOP["viewport"])
    for path in ("/admin/users", "/admin/billing", "/datasets/algorithms/examples"):
        page.goto(staff_site.address + path)
        page.emulate_media(media="screen")
        controls = page.locator("main :is(input, select, aside a)")
        expect(controls.first).to_be_visible()
        page.emulate_media(media="print")
        expect(controls.filter(visible=True)).to_have_count(0)
    page.emulate_media(media="screen")


def test_build_names_its_examples_by_their_questions(staff_visitor, staff_site):
    page = staff_visitor.open("/admin/builds/algorithms-2", VERA)
    example = page.locator("td [title='лицо/вопрос-012']")
    expect(example).to_have_text("Что значит черта 12?")


def test_question_of_a_confirmation_leaves_room_for_the_row(staff_visitor, staff_site):
    page = staff_visitor.page(VERA)
    course_id = staff_site.course_id("algorithms")
    for path in ("/admin/models", f"/courses/{course_id}/edit"):
        page.goto(staff_site.address + path)
        page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
        rows = ".rows:is(.models, .edits) > li > div:first-of-type"
        widths = "(rows) => rows.map(row => row.getBoundingClientRect().width)"
        for width in (600, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert min(page.locator(rows).evaluate_all(widths)) > width / 5, path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_failed_job_links_to_the_cost_of_another_training(staff_visitor, staff_site):
    page = staff_visitor.open(f"/admin/jobs/{staff_site.job_id - 1}", VERA)
    page.get_by_role("link", name="Обучить ещё раз").click()
    expect(page.get_by_role("heading", name="python-1")).to_be_visible()
    expect(
        page.get_by_role("button", name=re.compile("Запустить обучение: меньше"))
    ).to_be_in_viewport()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_admin_pages(staff_visitor, staff_site, language):
    page = staff_visitor.page(VERA, locale=language, **DESKTOP)
    require_no_faults(page, staff_site.address, list_pages(staff_site), language)


def test_finished_job_is_no_longer_polled(staff_visitor, staff_site):
    page = staff_visitor.open(f"/admin/jobs/{staff_site.job_id}", VERA)
    finish_job(staff_site)
    expect(page.get_by_role("status").filter(has_text="Обучение: завершено")).to_be_attached()
    expect(page.locator("[hx-get]")).to_have_count(0)


# The tests below add datasets to the site, which the ones above do not expect.


@pytest.mark.parametrize("view", [DESKTOP, PHONE])
def test_a_card_of_the_board_keeps_its_longest_state_inside(staff_visitor, staff_site, view):
    rows, name = staff_site.rows, f"tried-{view['viewport']['width']}-{'x' * 60}"
    rows.push(40 + view["viewport"]["width"], make_examples(12), spec=make_spec(name))
    change = {"reason": "gate-lost"}
    states, tried = (VerdictStatus.BUILT, VerdictStatus.TRAINING), VERDICT.dataset == name
    assert transition(rows.db, states[:1], states[1], rows.clock(), tried, change=change) == 1
    page = staff_visitor.open("/admin/board", VERA, **view)
    card = page.locator(f"[aria-labelledby^=of-{name}] .slip")
    expect(card).to_contain_text("не применён")
    too_wide = "cards => cards.filter(it => it.scrollWidth > it.clientWidth).length"
    assert page.locator(".slip").evaluate_all(too_wide) == 0
    assert page.evaluate(FITS)


def test_list_of_trainings_follows_what_was_started(staff_visitor, staff_site):
    requests = Requests(staff_site.db)
    number = requests.ask(RequestKind.FETCH, {}, f"user:{VERA}")
    page = staff_visitor.open(f"/admin/jobs?asked={number}", VERA)
    expect(page.locator(".asked")).to_contain_text("в очереди")
    staff_site.rows.push(60, make_examples(12), spec=make_spec("started"))
    (job,) = staff_site.rows.launch()
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
