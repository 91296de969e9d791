"""The demo's front page over HTTP: signing in as a person, completed steps."""

import re
import socket

import httpx
import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from merlin.account.sign_ins import SignIns
from merlin.app import consent, proposals, users
from merlin.app.actor import Actor
from merlin.config.reading import load
from merlin.dataset.proposals import Draft
from merlin.sandbox.demo.front import FrontPage
from merlin.sandbox.demo.place import Ports, create_repository, prepare_demo
from merlin.sandbox.telegram.world import ANNA, BORIS
from merlin.wiring.context import open_reading_context, open_writing_context
from tests.sandbox.telegram_client import make_caller
from tests.support.migrated_databases import create_migrated
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.fixture
def demo(tmp_path):
    """Yield a prepared demo: its place, its configuration, its Telegram and an HTTP client."""
    with prepare_demo(tmp_path / "demo", Ports.free()) as place:
        create_repository(place.repository, place.script)
        config = load(place.config)
        create_migrated(config.database)
        with (
            TelegramStandIn() as telegram,
            FrontPage(place, config, telegram),
            httpx.Client(base_url=place.front_url, timeout=longest()) as browser,
        ):
            yield place, config, telegram, browser


def test_page_before_the_first_model_explains_the_wait_and_shows_what_is_down(demo):
    place, _, _, browser = demo
    page = browser.get("/").text
    for part in (
        "Первая модель уже в пути",
        "Пройдено 0 из 5",
        "Спросить можно будет, когда модель обучится",
        "Ведёт 3 курса",
        "credentials/MERLIN_ENGINE_KEY",
    ):
        assert part in page
    assert page.count("не отвечает") == 6
    assert place.read_credential("MERLIN_ENGINE_KEY") not in page
    links = {
        place.chat_url,
        place.api_url,
        place.shop_url,
        "/docs/engine.md",
        "/docs/api.md",
    }
    assert links <= set(re.findall('href="([^"]+)"', page))
    live_path = re.search('hx-get="([^"]+)"', page)[1]
    assert browser.get(live_path).status_code == 204
    english = browser.get("/?lang=en").text
    assert "The first model is on its way" in english
    assert "The courses of this demo are in Russian" in english
    foreign = browser.get("/", headers={"Host": "evil.example"})
    assert foreign.status_code == 400


def test_card_signs_in_as_that_person_and_opens_their_first_page(demo):
    place, config, _, browser = demo
    assert (
        browser.get("/enter/boris").headers["Location"] == "/"
    )  # while the API does not listen
    with socket.create_server(("127.0.0.1", place.ports.api)):
        response = browser.get("/enter/boris")
    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"{place.api_url}teach",
    )
    with open_reading_context(config) as ctx:
        sign_in = SignIns(ctx.db).find(response.cookies["merlin"])
    assert sign_in.user_id == BORIS.person_id
    assert browser.get("/enter/nobody").headers["Location"] == "/"


def test_card_of_a_blocked_person_leads_to_the_sign_in_page(demo):
    place, config, _, browser = demo
    with socket.create_server(("127.0.0.1", place.ports.api)):
        assert "merlin" in browser.get("/enter/anna").cookies
        with open_writing_context(config, makes_key=True) as ctx:
            users.block(ctx, Actor.operator(), ANNA.person_id)
        response = browser.get("/enter/anna")
    assert response.headers["Location"] == place.api_url
    assert "merlin" not in response.cookies


def test_tour_ends_at_a_new_example_and_at_the_tutorial(demo):
    place, _, _, browser = demo
    with socket.create_server(("127.0.0.1", place.ports.api)):
        response = browser.get("/enter/boris?to=example")
    example = f"{place.api_url}datasets/neurotypology/examples/new"
    assert response.headers["Location"] == example
    tutorial = browser.get("/docs/tutorial.md").text
    assert "<h1>Первый набор" in tutorial
    assert 'href="/docs/install.md"' in tutorial
    assert browser.get("/docs/nothing.md").headers["Location"] == "/"


def test_steps_are_marked_done_by_what_happened(demo):
    _, config, telegram, browser = demo
    key = InlineKeyboardMarkup([[InlineKeyboardButton("ℹ️", callback_data="why:1")]])
    sent = make_caller(telegram)(
        lambda bot: bot.send_message(ANNA.person_id, "…", reply_markup=key)
    )
    telegram.press("anna", "ℹ️", sent.message_id)
    with open_writing_context(config, makes_key=True) as ctx:
        actor = Actor.person(ANNA.person_id, ctx.roles.authority(ANNA.person_id))
        consent.give_consent(ctx, actor)
        proposals.add(
            ctx, actor, Draft("Что такое граф?", "Вершины и рёбра.", "algorithms")
        )
    page = browser.get("/live?seen=0").text
    assert "Пройдено 2 из 5" in page
    assert page.count('<li class="done"><span class="n"') == 2
    assert page.count("hx-swap-oob") == 2
