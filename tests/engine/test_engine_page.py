"""The engine's pages: access, contents and actions, in both languages."""

import re
import time
from contextlib import contextmanager
from functools import partial
from io import BytesIO

import httpx
import pytest
from PIL import Image

from merlin.core.rate_limit import FREE_TRIES
from merlin.engine.pages.page import COOKIE, HEADERS
from tests.engine.engine_pages import BASE, MISSING, SHOWN, STEPS, serve_pages
from tests.engine.running_engine import EXAMPLES, KEY, serve_engine
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional
get, post = partial(httpx.get, timeout=longest()), partial(httpx.post, timeout=longest())


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    with serve_pages(tmp_path_factory.mktemp("pages")) as pages:
        wait_until(lambda: len(pages.client.losses(pages.jobs["running"])) >= SHOWN)
        yield pages


@contextmanager
def sign_in(pages, **headers):
    """Return a browser that has signed in with the key."""
    headers = {"Accept-Language": "ru", **headers}
    with httpx.Client(base_url=pages.address, headers=headers, timeout=longest()) as browser:
        answer = browser.post("/sign-in", data={"key": KEY}, headers=own_headers(pages))
        assert answer.status_code == 303, answer.text
        yield browser


def own_headers(pages):
    """Return the headers of a form sent by the engine's own page."""
    return {"Origin": pages.address, "Sec-Fetch-Site": "same-origin"}


def read_text(page):
    """Return the visible text."""
    text = re.sub(r"<[^>]+>", " ", page.text)
    return " ".join(text.replace("&#39;", "'").split())


def test_board_shows_each_job_each_base_and_the_machine(pages):
    with sign_in(pages) as browser:
        page = browser.get("/")
        text = read_text(page)
    for text_part in ("neurotypology-8", "идёт", "эпоха 2 из 4", f"шаг {SHOWN} из {STEPS}"):
        assert text_part in text
    for text_part in ("в очереди", "на паузе", "завершено", "не удалось", "отменено"):
        assert text_part in text
    assert "не хватает памяти" in text
    assert "1\u00a0240\u00a0токенов/с" in page.text
    for name in ("recall", BASE, MISSING, "Apache-2.0", "не скачана"):
        assert name in text
    assert "Память" in text
    assert "Свободно на диске" in text
    assert f"ft:{BASE}:merlin:algorithms-12:" in text


def test_board_draws_the_loss_curve_without_a_script(pages):
    with sign_in(pages) as browser:
        page = browser.get("/").text
    assert re.search(r'<polyline class="l" points="[\d., ]{200,}"', page)
    assert re.search(r'<polyline class="l t" points="', page)
    assert "Потери на обучении: от " in page
    assert f'value="{round(100 * SHOWN / STEPS)}"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


@pytest.fixture
def changeable_pages(tmp_path):
    """An engine whose jobs a test may change."""
    with serve_pages(tmp_path) as pages:
        yield pages


def test_curve_grows_while_its_job_runs_and_the_page_polls_for_it(changeable_pages):
    job_id = changeable_pages.jobs["running"]
    with sign_in(changeable_pages) as browser:
        live = re.search(r'hx-get="(/jobs/[^"]+)"', browser.get(f"/jobs/{job_id}").text)[1]
        wait_until(lambda: len(browser.get(f"/jobs/{job_id}/view").json()["train"]) == SHOWN)
        changeable_pages.trainer.steps.release(10)
        view_path = f"/jobs/{job_id}/view"
        wait_until(lambda: len(browser.get(view_path).json()["train"]) == SHOWN + 10)
        grown = browser.get(live.replace("&amp;", "&"))
        assert grown.status_code == 200
        assert f"шаг {SHOWN + 10} из {STEPS}" in read_text(grown)
        body = browser.get(view_path).json()
        assert (body["step"], body["tokens_per_second"]) == (SHOWN + 10, 1240.0)


def test_poll_without_changes_returns_204(tmp_path):
    with serve_pages(tmp_path, is_empty=True) as pages, sign_in(pages) as browser:
        live = re.search(r'hx-get="(/live[^"]+)"', browser.get("/").text)[1]
        assert browser.get(live).status_code == 204
        pages.client.train()
        assert browser.get(live).status_code == 200


def test_engine_without_jobs_explains_how_to_create_one(tmp_path):
    with serve_pages(tmp_path, is_empty=True) as pages, sign_in(pages) as browser:
        text = read_text(browser.get("/"))
    assert "Обучений ещё не было" in text
    assert "/v1/fine_tuning/jobs" in text
    assert "Пока ни одной" in text


def test_buttons_pause_resume_and_cancel_a_job(changeable_pages):
    job_id = changeable_pages.jobs["running"]

    def press(move):
        answer = browser.post(f"/jobs/{job_id}/{move}", headers=own_headers(changeable_pages))
        assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job_id}")
        return changeable_pages.client.jobs.retrieve(job_id).status

    with sign_in(changeable_pages) as browser:
        assert press("pause") == "paused"
        page = browser.get(f"/jobs/{job_id}").text
        assert "/resume" in page
        assert "/pause" not in page
        assert press("resume") in {"queued", "running"}
        assert press("cancel") == "cancelled"
        page = browser.get(f"/jobs/{job_id}")
        assert "hx-get" not in page.text
        assert "отменено" in read_text(page)
        late = browser.post(f"/jobs/{job_id}/pause", headers=own_headers(changeable_pages))
        assert late.status_code == 409
        assert f'href="/jobs/{job_id}"' in late.text
    assert changeable_pages.client.jobs.retrieve(job_id).status == "cancelled"


def test_request_from_another_site_changes_no_job_and_opens_no_session(pages):
    job_id = pages.jobs["queued"]
    foreign = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {})
    with sign_in(pages) as browser:
        for headers in foreign:
            answer = browser.post(f"/jobs/{job_id}/cancel", headers=headers)
            assert answer.status_code == 403, headers
            assert "Нет доступа" in read_text(answer)
    for headers in foreign[:2]:
        answer = post(f"{pages.address}/sign-in", data={"key": KEY}, headers=headers)
        assert (answer.status_code, COOKIE in answer.cookies) == (403, False)
    assert pages.client.jobs.retrieve(job_id).status == "queued"


def test_every_page_requires_the_key(pages):
    roads = ("/", "/live", "/machine", "/view", *list_urls(pages))
    for road in roads:
        answer = get(pages.address + road)
        assert answer.status_code in {303, 401}, road
        assert "neurotypology" not in answer.text
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/sign-in")
    polled = get(f"{pages.address}/live", headers={"HX-Request": "true"})
    assert (polled.status_code, polled.headers["hx-refresh"]) == (204, "true")
    assert post(f"{pages.address}/jobs/{pages.jobs['queued']}/cancel").status_code == 303


def list_urls(pages):
    """Return all URLs of one job."""
    job_id = pages.jobs["running"]
    return [f"/jobs/{job_id}{end}" for end in ("", "/live", "/view", "/loss.png")]


def test_session_cookie_is_http_only_and_same_site(pages):
    answer = post(
        f"{pages.address}/sign-in",
        data={"key": f" {KEY}\n", "next": f"/jobs/{pages.jobs['running']}"},
        headers=own_headers(pages),
    )
    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == f"/jobs/{pages.jobs['running']}"
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert KEY not in cookie
    with sign_in(pages) as browser:
        browser.post("/sign-out", headers=own_headers(pages))
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_sign_in_never_redirects_to_another_site(pages, back):
    data = {"key": KEY, "next": back}
    answer = post(f"{pages.address}/sign-in", data=data, headers=own_headers(pages))
    assert answer.headers["location"] == "/"


def test_repeated_wrong_keys_are_throttled(changeable_pages):
    headers = {"Accept-Language": "ru"}
    with httpx.Client(
        base_url=changeable_pages.address, headers=headers, timeout=longest()
    ) as browser:

        def send(key):
            return browser.post(
                "/sign-in", data={"key": key}, headers=own_headers(changeable_pages)
            )

        for number in range(FREE_TRIES):
            answer = send(f"wrong-{number}ё\ud7ff")
            assert answer.status_code == 401
            assert "Ключ не подходит" in read_text(answer)
            assert number == 0 or COOKIE not in browser.cookies
        # The first wait is one second and can be over; after many failures it is not.
        for _ in range(10):
            changeable_pages.client.app.state.sign_ins.tries.add_failure(
                "127.0.0.1", time.monotonic()
            )
        late = send(KEY)
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) >= 1
        assert "Слишком много" in read_text(late)


def test_engine_without_a_key_serves_its_pages_only_under_local_host_names(tmp_path):
    with serve_pages(tmp_path, is_empty=True, key="") as pages:
        assert get(pages.address).status_code == 200
        for host in ("localhost:8702", "127.0.0.1", "[::1]:8702"):
            assert get(pages.address, headers={"Host": host}).status_code == 200
        for host in ("evil.example", "evil.example:8702", "[::1", "10.0.0.7:8702"):
            assert get(pages.address, headers={"Host": host}).status_code == 403, host


def test_every_page_has_security_headers_and_no_inline_code(pages):
    with sign_in(pages) as browser:
        for road in ("/", "/live", "/sign-in?next=/", "/jobs/nope", *list_urls(pages)):
            answer = browser.get(road)
            if answer.status_code != 303:
                assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, road
            assert "style=" not in answer.text
            assert not re.search(r"<script(?![^>]*src=)", answer.text)


def test_clients_text_is_escaped(tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    with serve_pages(tmp_path, is_empty=True) as pages:
        job = pages.client.train(metadata={"merlin_build": evil})
        with sign_in(pages) as browser:
            for road in ("/", f"/jobs/{job.id}"):
                page = browser.get(road).text
                assert "<img" not in page
                assert "&lt;img src=x" in page


def test_pages_contain_no_trained_text(tmp_path):
    with serve_engine(tmp_path) as engine:
        job = engine.train()
        headers = {"Authorization": f"Bearer {KEY}"}
        for road in ("/", "/view", f"/jobs/{job.id}", f"/jobs/{job.id}/view"):
            page = get(f"http://127.0.0.1:{engine.port}{road}", headers=headers)
            assert page.status_code == 200
            for question, answer in EXAMPLES.items():
                assert question not in page.text
                assert answer not in page.text


def test_job_page_shows_settings_events_log_and_checkpoints(pages):
    with sign_in(pages) as browser:
        text = read_text(browser.get(f"/jobs/{pages.jobs['running']}"))
        page_text = read_text(browser.get(f"/jobs/{pages.jobs['succeeded']}"))
    for text_part in ("lora_targets", "q_proj, v_proj", "0,5", "Файлы проверены"):
        assert text_part in text
    # Weights are written at most once a second, so those of a running job can be missing.
    assert "Контрольная точка, шаг" in page_text
    assert "step 79 of 120" in text
    assert ":ckpt-step-60" in page_text
    assert "готовая модель" in page_text
    assert "48 000" in page_text
    assert "step 79 of 120" in page_text


def test_loss_chart_is_rendered_for_light_and_dark_theme(pages):
    with sign_in(pages) as browser:
        road = f"/jobs/{pages.jobs['succeeded']}/loss.png"
        light, dark = browser.get(road), browser.get(f"{road}?theme=dark")
    for answer in (light, dark):
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(BytesIO(answer.content)).size == (1280, 720)
    assert light.content != dark.content


def test_language_follows_the_browser_or_the_chosen_one(pages):
    with sign_in(pages, **{"Accept-Language": "en-GB,ru;q=0.5"}) as browser:
        assert "Running now" in read_text(browser.get("/"))
        assert "pause stop" in read_text(browser.get(f"/jobs/{pages.jobs['running']}")).lower()
        assert "Идут сейчас" in read_text(browser.get("/?lang=ru"))
        assert "Идут сейчас" in read_text(browser.get("/"))
        assert browser.get("/?theme=dark").headers["location"] == "/"
        assert 'data-theme="dark"' in browser.get("/").text


@pytest.mark.parametrize(
    ("road", "status", "text_part"),
    [
        ("/jobs/ftjob-nope", 404, "Страница не найдена"),
        ("/jobs/%00", 404, "Страница не найдена"),
        ("/?after=nope", 400, "Проверьте адрес или форму"),
        (f"/live?seen={'x' * 100}", 422, "Проверьте адрес или форму"),
    ],
)
def test_missing_page_is_explained(pages, road, status, text_part):
    with sign_in(pages) as browser:
        answer = browser.get(road)
    assert (answer.status_code, text_part in read_text(answer)) == (status, True)


def test_same_contents_are_served_as_json_with_the_key(pages):
    headers = {"Authorization": f"Bearer {KEY}"}
    body = get(f"{pages.address}/view", headers=headers).json()
    states = {job["id"]: job["state"] for job in body["jobs"]}
    assert states == {job_id: state for state, job_id in pages.jobs.items()}
    assert {base["name"]: base["licence"] for base in body["bases"]}[BASE] == "Apache-2.0"
    assert body["counts"]["running"] == 1
    assert body["machine"]["memory_total_bytes"] > body["machine"]["memory_own_bytes"] > 0
    assert get(f"{pages.address}/view").status_code == 401
    missing = get(f"{pages.address}/jobs/nope/view", headers=headers)
    assert missing.json()["error"]["type"] == "invalid_request_error"


def test_form_over_the_limit_is_refused(pages):
    answer = post(
        f"{pages.address}/sign-in", data={"key": "x" * 20_000}, headers=own_headers(pages)
    )
    assert answer.status_code == 413


def test_older_jobs_are_on_further_pages(tmp_path):
    with serve_pages(tmp_path, is_empty=True, pace_s=600) as pages, sign_in(pages) as browser:
        file_id = pages.client.upload().id
        for number in range(25):
            pages.client.jobs.cancel(pages.client.launch(file_id, suffix=f"old-{number}").id)
        first = browser.get("/")
        older = browser.get(re.search(r'href="(/\?after=[^"]+)"', first.text)[1])
    assert "old-24" in read_text(first)
    assert "old-4" not in read_text(first).split()
    assert {f"old-{number}" for number in range(5)} <= set(read_text(older).split())
    assert 'hx-get="/live' not in older.text
