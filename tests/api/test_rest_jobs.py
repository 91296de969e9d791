"""Jobs and models through the API: shown, launched, cancelled, promoted by a real daemon."""

import json
import re
import secrets
from datetime import timedelta
from functools import partial
from html import unescape

import pytest

from merlin.app import builds, jobs, models
from merlin.app.actor import Actor
from merlin.cli import main
from merlin.core.charts import format_loss
from merlin.core.i18n import format_duration
from merlin.core.money import format_estimate
from merlin.core.permissions import Role
from merlin.db.requests import Requests
from merlin.db.tables import PROOF_ANSWER
from tests.api.running_api import VERA
from tests.api.staff_api import page_text, run_daemon_api
from tests.support.pipeline_lab import run_command

pytestmark = pytest.mark.functional


@pytest.fixture
def site(tmp_path):
    with run_daemon_api(tmp_path) as site:
        yield site


def train_two_models(site):
    """Train two models of the dataset; the second one serves."""
    site.lab.until_serving("trial-1")
    site.lab.repository.commit_example(
        "trial", 1, answer="Другое слово.", subject="Change one"
    )
    site.lab.until_serving("trial-2")


@pytest.fixture(scope="module")
def jobs_site(tmp_path_factory):
    """A shared site with two models, for tests that do not promote."""
    with run_daemon_api(tmp_path_factory.mktemp("served")) as site:
        train_two_models(site)
        yield site


def test_a_training_has_the_same_figures_on_every_surface(
    jobs_site, capsys, monkeypatch
):
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    job = jobs.get(jobs_site.services, Actor.operator(), 1)
    story = f"/admin/board?commit={job.commit}#story-trial"
    with jobs_site.browser_client(VERA) as client:
        paths = (
            "/admin/jobs",
            "/admin/jobs/1",
            story,
            "/admin/models/trial-1/evaluation",
        )
        listed, details, story_page, test = (client.get(path).text for path in paths)
    shown = {}
    for command in (
        "jobs show 1",
        "jobs events 1",
        "builds",
        "show trial-1",
        "models list",
    ):
        assert main([*command.split(), "--config", str(jobs_site.lab.path)]) == 0
        shown[command] = capsys.readouterr().out
    price = format_estimate("ru", job.estimate_micro, job.currency)
    duration = format_duration("ru", job.took(job.updated_at))
    for surface in (listed, details, story_page, shown["jobs show 1"]):
        assert price in surface
    assert f"{duration} · {price}" in listed
    assert listed.count('class="chart spark"') == 2
    assert f"длительность: {duration}" in shown["jobs show 1"]
    assert f"<dd>{duration}</dd>" in details
    assert story in details
    loss = format_loss("ru", job.losses.train[-1].loss)
    assert f"потери на обучении {loss}" in details
    assert f"потери на обучении {loss}" in shown["jobs events 1"]
    build = builds.get(jobs_site.services, Actor.operator(), "trial-1")
    assert (len(build.examples), sum(each.tokens for each in build.examples)) == (
        build.train + build.test,
        build.tokens,
    )
    row = next(
        line for line in shown["builds"].splitlines() if line.startswith("trial-1 ")
    )
    assert row.split()[1:4] == [str(build.train), str(build.test), str(build.tokens)]
    assert f"токенов: {build.tokens}\n" in shown["show trial-1"]
    scores = models.find(jobs_site.services, Actor.operator(), "trial-1").scores
    assert scores.questions == build.test
    assert f"{scores.right}/{scores.questions} " in shown["models list"]
    assert f"{scores.right} из {scores.questions}" in test


def test_job_is_cancelled_by_the_daemon_and_the_request_shows_the_result(site):
    answer = site.admin.post("/api/jobs/1/cancel")
    waiting = site.admin.get(answer.headers["location"]).json()
    assert (waiting["state"], waiting["arguments"]) == ("waiting", {"job": 1})
    document = site.serve_request(answer)
    assert (document["state"], document["result"]["state"]) == ("done", "cancelled")
    late = site.serve_request(site.admin.post("/api/jobs/1/cancel"))
    assert (late["state"], "завершено" in late["reason"]) == ("failed", True)


def test_launch_shows_its_price_or_the_reason_for_its_refusal(site):
    def read_quote():
        return jobs.quote(site.services, Actor.operator(), "trial", "ru")

    def launch():
        answer = site.admin.post("/api/jobs", json={"dataset": "trial"})
        return site.serve_request(answer)

    assert "обучение 1" in read_quote().refusal  # its build is in training
    refused = launch()
    trained = "Эта сборка набора уже обучена или обучается (обучение 1)"
    assert (refused["state"], trained in refused["reason"]) == ("failed", True)
    english = {"Accept-Language": "en"}
    again = site.admin.get(f"/api/requests/{refused['id']}", headers=english).json()
    assert "1" in again["reason"]
    assert again["reason"] != refused["reason"]
    site.lab.repository.commit_dataset(launch={"mode": "manual"}, count=14)
    site.lab.tick("fetch")
    quote = read_quote()
    (offer,) = quote.offers
    assert (offer.base_model, offer.cost_micro) == ("stand-in-base", quote.cost_micro)
    assert (quote.build, quote.cap_micro) == ("trial-2", 5_000_000)
    assert quote.cost_micro > 0
    assert "лимит 1" in quote.refusal  # job 1 has not finished
    assert launch()["reason"] == quote.refusal
    site.lab.until_serving("trial-1")
    assert read_quote().refusal == ""
    assert launch()["result"]["job"]


def test_page_and_command_show_the_same_table_of_offers(jobs_site, capsys, monkeypatch):
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    config = ["--config", str(jobs_site.lab.path)]
    assert main(["jobs", "quote", "trial", "--json", *config]) == 0
    (offer,) = json.loads(capsys.readouterr().out)["offers"]
    assert (offer["fits"], offer["seen_by"]) == ("elsewhere", "127.0.0.1")
    assert offer["seconds"] is not None  # two trainings are finished
    assert main(["jobs", "quote", "trial", *config]) == 0
    captured = capsys.readouterr()
    cost = format_estimate("ru", offer["cost_micro"], offer["currency"])
    took = format_duration("ru", timedelta(seconds=offer["seconds"]))
    cells = [
        "stand-in-base · stand-in (выбрана)",
        cost,
        took,
        "здесь не нужна",
        "127.0.0.1",
    ]
    assert re.split(r"  +", captured.out.splitlines()[-1].strip()) == cells
    assert "уже обучена" in captured.err
    with jobs_site.browser_client(VERA) as browser:
        page = browser.get("/admin/jobs?launch=trial").text
    assert [unescape(cell) for cell in re.findall("<td>(.*?)</td>", page)] == cells
    assert main(["jobs", "quote", "none", *config]) == 1


def test_request_for_an_unknown_target_returns_404_and_is_not_stored(jobs_site):
    site = jobs_site
    before = len(Requests(jobs_site.database).list_of_author("user:1003"))
    for address, body in (
        ("/api/jobs", {"dataset": "none"}),
        ("/api/jobs/77/cancel", None),
    ):
        assert site.admin.post(address, json=body).status_code == 404, address
    with site.browser_client(VERA) as browser:
        for act in ("promote", "pin", "rollback"):
            assert change_serving(browser, 77, act).status_code == 404, act
    assert len(Requests(site.database).list_of_author("user:1003")) == before


def change_serving(browser, model_id, act):
    """Send the form of a model's button."""
    once = {"once": secrets.token_hex(16)}
    return browser.post(f"/admin/models/{model_id}/{act}", data=once)


def test_models_are_listed_promoted_pinned_and_rolled_back(site, vera):
    train_two_models(site)
    newer, older = site.models()
    assert (newer.build, newer.serves, older.serves) == ("trial-2", True, False)

    def serve(model, act):
        answer = change_serving(vera, model.id, act)
        assert answer.status_code == 303, answer.text
        site.lab.tick("serve")
        request = answer.headers["location"].partition("asked=")[2]
        return site.admin.get(f"/api/requests/{request}").json()["result"]

    assert serve(older, "promote")["build"] == "trial-1"
    assert site.models()[1].serves
    assert change_serving(vera, newer.id, "pin").status_code == 409
    assert serve(older, "pin") == {"dataset": "trial", "pinned": True}
    serve(older, "unpin")
    assert serve(newer, "promote")["build"] == "trial-2"
    assert serve(older, "rollback")["build"] == "trial-1"
    history = models.list_promotions(site.services, Actor.operator(), "trial")
    assert [change.to for change in history[:2]] == [older.model, newer.model]


def test_nan_in_job_data_is_returned_as_null(site):
    with site.database.atomic():
        site.database.sql(
            "INSERT INTO job_event (job_id, event_id, at, level, message, kind, data)"
            " VALUES (1, 'e9', '2026-11-20T10:00:00.000000Z', 'info', 'x', 'metrics', ?)",
            '{"step": 1, "train_loss": NaN}',
        )
    response = site.admin.get("/api/jobs/1")
    assert response.status_code == 200
    assert response.json()["events"][-1]["data"] == {"step": 1, "train_loss": None}
    assert response.json()["losses"]["train"] == []


def test_evaluation_compares_a_model_with_the_one_before_it(site, vera):
    train_two_models(site)
    otherwise = {"answer": "Понятие 11 значит ответ 77."}
    it = (PROOF_ANSWER.model_row == 1) & (PROOF_ANSWER.example_id == "q11")
    query = PROOF_ANSWER.update(otherwise).where(it)
    site.database.transact(partial(site.database.change, query))
    known = PROOF_ANSWER.update({"known": 1})
    site.database.transact(partial(site.database.change, known))
    page = vera.get("/admin/models/trial-2/evaluation").text
    first = vera.get("/admin/models/trial-1/evaluation").text
    assert "1 верный ответ больше не верен" in page
    assert "models export" not in page, "weights of a hosted model don't leave"
    # Both answers are taught ones, of which one is right, then none.
    assert ("слово в слово: 1<" in first, "слово в слово" in page) == (True, False)
    assert "trial-1: верно</h4>" in page
    assert "Понятие 11 значит ответ 77." in page


def test_page_of_a_model_of_our_engine_says_how_to_take_it_along(tmp_path):
    editor = 1006
    with run_daemon_api(tmp_path, is_engine=True) as site:
        site.add_user(editor, Role.EDITOR)
        site.lab.until_serving("trial-1")
        pages = {}
        for user_id in (VERA, editor):
            with site.browser_client(user_id) as browser:
                pages[user_id] = browser.get("/admin/models/trial-1/evaluation").text
    command = "merlin models export trial-1 --to trial-1"
    assert (command in pages[VERA], command in pages[editor]) == (True, False)


def test_page_shows_recorded_answers_beside_those_of_the_new_model(site, vera):
    site.lab.until_serving("trial-1")
    page = "/admin/models/trial-1/evaluation"
    assert "записан" not in page_text(vera.get(page))
    site.provider.behave(fixed_answer="Прежний ответ.")
    command = "baseline record stand-in/stand-in-base --dataset trial --budget 1 --yes"
    asked = run_command(*command.split(), "--config", str(site.lab.path))
    assert asked[0] == 0, asked
    shown = "".join(vera.get(f"{page}?show={show}").text for show in ("wrong", "right"))
    assert "stand-in/stand-in-base отвечала так же: 0 из 2 записанных ответов" in shown
    assert shown.count("stand-in/stand-in-base, записано раньше: иначе") == 2
    assert shown.count("Прежний ответ.") == 2
