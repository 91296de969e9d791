"""`merlin doctor` and `merlin health`: each possible problem, with advice how to fix it."""

import base64
import json
import shutil
import socket
import sys
import urllib.parse
import urllib.request
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from telegram import Bot

from merlin.account.users import User, Users
from merlin.bot.reach import ask_telegram
from merlin.cli import main
from merlin.cli.doctor_checks import (
    check_file_system,
    check_folder,
    check_postgresql,
    check_yookassa,
)
from merlin.cli.health import health_error
from merlin.config import installation_id
from merlin.config.shop import YooKassaConfig
from merlin.core.clock import utc_now
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Heartbeat
from merlin.core.i18n import text
from merlin.core.log import redact
from merlin.core.server import free_ports
from merlin.core.tried import PROTOCOLS, read_tried
from merlin.db.processes import Heartbeats
from merlin.sandbox.telegram.world import BOT_NAME, TOKEN
from merlin.wiring.context import open_migrated_database
from tests.engine.base_library import write_qwen35
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.faults import Fault, FaultKind
from tests.support.forge_standin import PROJECT, TOKEN as FORGE_TOKEN, ForgeServer
from tests.support.forward_proxy import ForwardProxy
from tests.support.http_servers import Handler, serve_http
from tests.support.made_repositories import make_repository
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import TelegramStandIn
from tests.support.transaction_pooler import run_pooler

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def telegram():
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def fresh(tmp_path, provider, telegram, monkeypatch):
    """Return a lab that has never been started; its repository has no commit."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    base_url = telegram.page_url.rstrip("/")
    lab = Lab(
        tmp_path, provider.base_url, telegram={"base_url": base_url, "admins": [1003]}
    )
    shutil.rmtree(lab.config.state_dir)
    return lab


def run_doctor(lab, capsys):
    """Run doctor; return for each check (is it good, message)."""
    capsys.readouterr()
    main(["doctor", "--json", "--config", str(lab.path)])
    return {
        load["what"]: (load["good"], load["detail"])
        for load in json.loads(capsys.readouterr().out)
    }


def configure(lab, **sections):
    """Write these sections into the lab's config.yaml, in place of those that are there."""
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    lab.path.write_text(yaml.safe_dump({**settings, **sections}), "utf-8")


def beat(lab, process, host="here", ago=timedelta(0), step=""):
    """Store a heartbeat of a process."""
    at = utc_now() - ago
    with open_migrated_database(lab.config) as database:
        Heartbeats(database).beat(Heartbeat(process, host, 1, at, at, step))


def test_database_that_is_away_is_described_once(fresh, capsys):
    configure(fresh, database="postgresql://nobody@127.0.0.1:1/nothing")
    document = run_doctor(fresh, capsys)
    assert "Connection refused" in document["database"][1]
    assert "Check its server or disk" in document["database"][1]
    assert document["not known"] == (
        False,
        text("en", "doctor-not-known", names="text.key, telegram.admins, daemon, bot"),
    )
    away = {what for what, (_, words) in document.items() if "refused" in words}
    assert away - {"api"} == {"database", "postgresql"}
    assert not {"text.key", "telegram.admins", "daemon", "bot"} & document.keys()


@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ({"datasets": {"default": "trail"}}, "datasets.default"),
        ({"api": {"tls": {"certificate": "/no", "key": "/no"}}}, "api.tls.key"),
        ({"engine": {"models": {"x": {"path": "/no"}}}}, "engine.models.x.path"),
    ],
)
def test_doctor_finds_what_the_check_of_the_configuration_finds(
    serving, capsys, planted, named
):
    """It said that everything was in place."""
    settings = yaml.safe_load(serving.path.read_text("utf-8")) | planted
    serving.path.write_text(yaml.safe_dump(settings), "utf-8")
    good, words = run_doctor(serving, capsys)["config.yaml"]
    assert (good, named in words) == (False, True), words
    assert main(["config", "check", "--config", str(serving.path)]) == 2
    assert words in capsys.readouterr().err.replace("merlin: ", "")


def test_secret_that_everybody_may_read_is_named(fresh, capsys):
    with TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o711)
        config = folder / "config.yaml"
        config.write_text(fresh.path.read_text("utf-8"), "utf-8")
        fresh.path = config
        secret = folder / "credentials" / "TELEGRAM_BOT_TOKEN"
        secret.parent.mkdir(0o755)
        secret.parent.chmod(0o755)
        secret.write_text("secret")
        secret.chmod(0o644)
        good, words = run_doctor(fresh, capsys)["secrets"]
        assert (good, f"chmod o= {secret}" in words) == (False, True), words
        secret.parent.chmod(0o700)
        assert run_doctor(fresh, capsys)["secrets"][0]
        secret.parent.chmod(0o755)
        secret.chmod(0o640)
        assert run_doctor(fresh, capsys)["secrets"][0]


def test_confinement_of_the_document_reader_is_told(fresh, capsys):
    good, detail = run_doctor(fresh, capsys)["document reader"]
    assert good
    assert detail == text("en", "doctor-reader-confined")


def test_lost_database_is_not_taken_for_a_first_start(fresh, capsys):
    (fresh.config.state_dir / "builds" / "trial" / "1-0123456789ab").mkdir(parents=True)
    document = run_doctor(fresh, capsys)
    assert not document["database"][0]
    assert "merlin restore" in document["database"][1]
    for command in ("status", "backup"):
        assert main([command, "--config", str(fresh.path)]) == 2
        assert "merlin restore" in capsys.readouterr().err


@pytest.fixture
def with_engine(fresh, monkeypatch):
    """Return the lab with an engine of its own."""
    (port,) = free_ports(1)
    own = {"name": "engine", "base_url": f"http://127.0.0.1:{port}/v1"}
    providers = [*read_providers(fresh), own]
    configure(fresh, engine={"listen": f"127.0.0.1:{port}"}, providers=providers)
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "any-key-at-all")
    return fresh


def read_providers(lab):
    return yaml.safe_load(lab.path.read_text("utf-8"))["providers"]


def test_before_the_first_start_only_the_missing_repository_is_wrong(fresh, capsys):
    document = run_doctor(fresh, capsys)
    assert {what for what, (good, _) in document.items() if not good} == {"repository"}
    assert "has no branch main: commit something" in document["repository"][1]
    assert document["database"][1].startswith(
        "not created yet: the first process to start creates it"
    )
    assert document["telegram"] == (True, f"the token belongs to @{BOT_NAME}")
    assert {document[name] for name in ("daemon", "bot", "api")} == {
        (True, "not started yet")
    }
    assert not (fresh.folder / "state").exists()


def test_complete_setup_before_the_first_start_shows_the_next_step_and_no_error(
    with_engine, capsys
):
    fresh = with_engine
    fresh.repository.commit_dataset()
    assert main(["doctor", "--config", str(fresh.path)]) == 0
    captured = capsys.readouterr()
    assert "✘" not in captured.out
    idle = [line for line in captured.out.splitlines() if line.startswith("–")]
    assert len(idle) == 5, captured.out
    assert "merlin run" in captured.err


def test_process_that_does_not_answer_is_wrong_once_merlin_has_run(fresh, capsys):
    beat(fresh, "daemon")
    beat(fresh, "bot", ago=timedelta(hours=1))
    document = run_doctor(fresh, capsys)
    assert {name: document[name][0] for name in ("daemon", "bot", "api")} == {
        "daemon": True,
        "bot": False,
        "api": False,
    }
    assert document["bot"][1].startswith("no signal since")


@pytest.mark.parametrize(
    ("ago_s", "read_s", "is_alive"),
    [(1, 15, True), (-12, 15, True), (12, 15, False), (-12, 1, False)],
)
def test_heartbeat_does_not_age_while_a_busy_machine_reads_it(
    fresh, ago_s, read_s, is_alive
):
    beat(fresh, "daemon", ago=timedelta(seconds=ago_s))
    times = iter([utc_now(), utc_now() + timedelta(seconds=read_s)])
    error = health_error(fresh.config, "daemon", lambda: next(times))
    assert (error is None) is is_alive


def test_doctor_judges_a_webhook_bot_by_its_own_heartbeat(fresh):
    beat(fresh, "bot", "another-pod", step="polls")
    assert health_error(fresh.config, "bot") is None
    telegram = fresh.config.telegram.model_copy(update={"mode": "webhook"})
    webhooks = fresh.config.model_copy(update={"telegram": telegram})
    assert health_error(webhooks, "bot").key == "unhealthy-never-started"


def test_repository_is_named_by_its_newest_commit(fresh, capsys):
    head = fresh.repository.commit_dataset()
    document = run_doctor(fresh, capsys)
    good, words = document["repository"]
    assert (good, head[:7] in words) == (True, True)


@pytest.mark.parametrize("token", ["", "no-token", "123456789:AAthisOneNobodyKnows"])
def test_invalid_telegram_token_is_reported_and_never_shown(
    fresh, capsys, monkeypatch, token
):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", token)
    good, message = run_doctor(fresh, capsys)["telegram"]
    assert (good, "TELEGRAM_BOT_TOKEN" in message) == (False, True)
    assert not token or token not in message


NOWHERE = "http://127.0.0.1:9"
MENDS = {
    "api.listen": "Stop the program that holds it",
    "credentials": "TELEGRAM_BOT_TOKEN",
    "text.key": "Put it back into text.key",
    "telegram.admins": "Add your Telegram ID",
    "payments.yookassa": "YooKassa doesn't answer at",
    "chat.assistant": "doesn't list an-absent-one",
}


def break_everything(lab, port, monkeypatch):
    """Break everything that doctor checks and other tests do not cover."""
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)
    for name in ("YOOKASSA_SHOP_ID", "YOOKASSA_SECRET_KEY"):
        monkeypatch.setenv(name, "any")
    configure(
        lab,
        chat={"assistant": "stand-in/an-absent-one"},
        payments={"yookassa": {"base_url": NOWHERE}},
        api={"listen": f"127.0.0.1:{port}", "public_url": NOWHERE},
    )
    with open_with_key(lab.config) as database:
        Users(database).record([User(1003)])
        Users(database).set_name(1003, "Вера")
    beat(lab, "daemon")
    other = base64.urlsafe_b64encode(bytes(32)).decode()
    (lab.config.state_dir / "text.key").write_text(other, "utf-8")


def test_each_problem_is_reported_with_advice(serving, capsys, monkeypatch):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        break_everything(serving, held.getsockname()[1], monkeypatch)
        found = run_doctor(serving, capsys)
    wrong = {what: words for what, (good, words) in found.items() if not good}
    assert {
        what: wrong.get(what) for what, mend in MENDS.items() if mend not in wrong[what]
    } == {}


@pytest.mark.parametrize("section", ["api", "engine"])
@pytest.mark.parametrize(
    ("days", "is_its_key", "said"),
    [
        (1, True, "valid until"),
        (-1, True, "ended at"),
        (1, False, "can't be used: KEY_VALUES_MISMATCH"),
    ],
)
def test_certificate_is_tried_with_its_key_and_by_its_date(
    with_engine, capsys, section, days, is_its_key, said
):
    lab = with_engine
    key = generate_key()
    (lab.folder / "c.pem").write_bytes(create_certificate(key, days))
    (lab.folder / "k.pem").write_bytes(
        encode_key(key if is_its_key else generate_key())
    )
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    tls = {"tls": {"certificate": "c.pem", "key": "k.pem"}}
    configure(lab, **{section: settings.get(section, {}) | tls})
    good, words = run_doctor(lab, capsys)[f"{section}.tls"]
    assert (good, said in words) == (days > 0 and is_its_key, True), words


def test_base_and_vllm_that_are_not_here_are_named(with_engine, capsys, monkeypatch):
    lab = with_engine
    for package in ("torch", "transformers", "peft", "accelerate", "trl"):
        monkeypatch.setitem(sys.modules, package, socket)  # as one that is there
    own = {
        "listen": lab.config.engine.listen,
        "serving": "vllm",
        "answering": {"vllm_command": "no-such-vllm"},
    }
    hub = {"hub": "owner/base"}
    configure(lab, engine=own | {"models": {"far": hub}})
    found = run_doctor(lab, capsys)
    pulled = text("en", "library-not-pulled", name="far")
    assert found["engine.models"] == (False, pulled)
    no_vllm = text("en", "doctor-no-vllm", command="no-such-vllm")
    assert found["engine.serving"] == (False, no_vllm)
    empty = lab.folder / "empty"
    empty.mkdir()
    whole = {"path": str(write_qwen35(lab.folder / "base"))}
    configure(
        lab, engine=own | {"models": {"near": whole, "none": {"path": str(empty)}}}
    )
    good, words = run_doctor(lab, capsys)["engine.models"]
    assert (good, words) == (False, text("en", "library-no-config", folder=str(empty)))
    vllm = {"vllm_command": sys.executable}
    configure(lab, engine=own | {"models": {"near": whole}, "answering": vllm})
    found = run_doctor(lab, capsys)
    assert [found[f"engine.{name}"][0] for name in ("models", "serving")] == [True] * 2
    for package in ("torch", "transformers", "peft", "accelerate", "trl"):
        monkeypatch.setitem(sys.modules, package, None)  # as one that is not there
    assert "merlin-gitops[engine]" in run_doctor(lab, capsys)["engine.models"][1]


def test_what_is_configured_is_said_to_be_tried_or_not(with_engine, capsys):
    lab = with_engine
    base = write_qwen35(lab.folder / "base")
    engine = {
        "listen": lab.config.engine.listen,
        "serving": "vllm",
        "answering": {"device": "cuda:0"},
        "models": {"qwen": {"path": str(base), "quantised": "8bit"}},
    }
    shop = {"yookassa": {"base_url": NOWHERE}}
    configure(lab, engine=engine, payments=shop, api={"public_url": NOWHERE})
    found = run_doctor(lab, capsys)
    tried = {
        what: words for what, (_, words) in found.items() if what.startswith("tried ")
    }
    servers = {"programs": "litellm, transformers, vllm"}
    url = lab.config.providers[0].base_url
    vllm = read_tried()["programs"]["vllm"]
    protocols = {name: read.as_arguments() for name, read in PROTOCOLS.items()}
    expected = {
        "tried telegram": text("en", "tried-never", **protocols["telegram"]),
        "tried database": "in every run of the tests",
        "tried stand-in": text(
            "en",
            "tried-provider",
            **servers,
            **protocols["openai"],
            url=url,
        ),
        "tried engine.serving": f"with vllm {vllm['version']}, on {vllm['date']}",
        "tried engine.answering.device": "never on cuda:0, only on a processor",
        "tried payments.yookassa": text("en", "tried-never", **protocols["yookassa"]),
    }
    advised = text("en", "library-advises-sampling", name="qwen")
    assert found["engine.models.qwen"] == (True, redact(advised))
    # The lab's key is a word of these texts.
    assert tried == {what: redact(words) for what, words in expected.items()}


def set_telegram(lab, **keys):
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    configure(lab, telegram=settings["telegram"] | keys)


def telegram_problem(lab, capsys):
    found = run_doctor(lab, capsys)
    (good, words) = found["telegram"]
    (_, same) = found["telegram.mode"]
    assert not good
    assert words == same
    return words


def slow_problem(lab, **limits):
    """Return what a call of Telegram with other limits says."""
    with pytest.raises(MerlinError) as found:
        ask_telegram(lab.config, Bot.get_me, **limits)
    return text("en", found.value.key, **found.value.arguments)


@pytest.fixture
def set_load(monkeypatch):
    """Return a function that sets how many processes want to run on this machine."""
    return lambda load: monkeypatch.setattr("os.getloadavg", lambda: (load, 0, 0))


def test_blocked_telegram_is_told_from_a_network_that_is_away(fresh, capsys):
    set_telegram(fresh, base_url=NOWHERE)
    assert "If none does, check the network" in telegram_problem(fresh, capsys)
    (near,) = read_providers(fresh)
    # Another name of the loopback address, as a server elsewhere has one.
    address = near["base_url"].replace("127.0.0.1", "127.1")
    providers = [near, {"name": "far", "base_url": address}]
    configure(fresh, allow_plain_http=True, providers=providers)
    words = telegram_problem(fresh, capsys)
    assert words.startswith(
        f"{NOWHERE} can't be reached (Connection refused), while {address} can"
    )
    assert "Set telegram.proxy" in words


def test_slow_telegram_is_named_whether_it_answers_late_or_not_at_all(
    fresh, telegram, set_load
):
    set_load(0.0)
    assert "Telegram is slowed down" in slow_problem(fresh, slow_s=0)
    telegram.faults.add(Fault("get*", FaultKind.HANG, times=None))
    assert "Telegram is slowed down" in slow_problem(fresh, read_s=0.3)
    telegram.faults.clear()


@pytest.mark.parametrize(("load", "is_busy"), [(0.0, False), (1e6, True)])
def test_slow_answer_on_a_busy_machine_tells_of_no_network(
    fresh, set_load, load, is_busy
):
    set_load(load)
    words = slow_problem(fresh, slow_s=0)
    assert ("but this machine is busy" in words) is is_busy


def test_connection_that_is_late_on_a_busy_machine_tells_of_no_network(fresh, set_load):
    set_load(1e6)
    # Nobody greets who connects to it.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        set_telegram(fresh, base_url=f"https://{host}:{port}")
        words = slow_problem(fresh, connect_s=0.3)
    assert "but this machine is busy" in words


class OtherPage(Handler):
    """What a network shows in the place of a blocked site."""

    def post(self):
        self.answer(200, b"<html>blocked", "text/html")


def test_page_in_the_place_of_telegram_is_named(fresh, capsys):
    with serve_http(OtherPage) as server:
        set_telegram(fresh, base_url=server.url)
        assert "Check telegram.base_url" in telegram_problem(fresh, capsys)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_proxy_that_is_down_refuses_or_is_walled_in_is_told_apart(
    fresh, telegram, capsys, monkeypatch, scheme
):
    with ForwardProxy(scheme, "merlin:the-password").run() as proxy:
        set_telegram(fresh, proxy=proxy.url)
        monkeypatch.setenv("TELEGRAM_PROXY_LOGIN", "merlin:the-password")
        found = run_doctor(fresh, capsys)
        assert found["telegram"] == (True, f"the token belongs to @{BOT_NAME}")
        set_telegram(fresh, base_url="https://127.0.0.1:9")
        proxy.trouble = "unreachable"
        assert "works, but doesn't reach" in telegram_problem(fresh, capsys)
        monkeypatch.setenv("TELEGRAM_PROXY_LOGIN", "merlin:another-password")
        words = telegram_problem(fresh, capsys)
        assert "Check the secret TELEGRAM_PROXY_LOGIN" in words
    words += telegram_problem(fresh, capsys)
    assert "can't be reached: Connection refused" in words
    assert "password" not in words.replace("user:password", "")


def test_login_in_the_address_of_a_proxy_is_refused_and_not_shown(fresh, capsys):
    set_telegram(fresh, proxy="socks5://merlin:the-password@127.0.0.1:1080")
    assert main(["doctor", "--config", str(fresh.path)]) == 2
    words = capsys.readouterr().err
    assert "TELEGRAM_PROXY_LOGIN" in words
    assert "the-password" not in words


def test_updates_sent_to_another_webhook_are_reported(fresh, capsys):
    call_telegram(fresh, "setWebhook", url=f"{NOWHERE}/hook")
    try:
        found = run_doctor(fresh, capsys)["telegram.mode"]
    finally:
        call_telegram(fresh, "deleteWebhook")
    assert "so this bot gets none" in found[1]
    assert "it deletes its own webhook" in found[1]
    assert run_doctor(fresh, capsys)["telegram.mode"] == (
        True,
        "the bot fetches updates itself",
    )


def call_telegram(lab, method, **arguments):
    """Return the result of a method of the Bot API."""
    query = urllib.parse.urlencode(arguments)
    url = f"{lab.config.telegram.base_url}/bot{TOKEN}/{method}?{query}"
    with urllib.request.urlopen(url) as response:  # noqa: S310 - a stand-in
        return json.load(response)["result"]


@pytest.fixture
def by_webhook(fresh):
    """Return the lab of a bot that gets its updates by a webhook, and has run."""
    set_telegram(fresh, mode="webhook", webhook_url=HOOK)
    beat(fresh, "daemon")
    yield fresh
    call_telegram(fresh, "deleteWebhook")


HOOK = "https://127.0.0.1:9/hooks/telegram"


def test_webhook_is_told_until_updates_arrive(by_webhook, telegram, capsys):
    good, words = run_doctor(by_webhook, capsys)["telegram.mode"]
    assert (good, HOOK in words) == (False, True)
    call_telegram(by_webhook, "setWebhook", url=HOOK)
    found = run_doctor(by_webhook, capsys)["telegram.mode"]
    assert found == (True, f"updates arrive at {HOOK}")
    telegram.start_bot(1003)
    telegram.wait_for(
        lambda: "last_error_date" in call_telegram(by_webhook, "getWebhookInfo")
    )
    good, words = run_doctor(by_webhook, capsys)["telegram.mode"]
    assert (good, f"can't deliver updates to {HOOK}: " in words) == (False, True)


class OtherMerlin(Handler):
    """The api of an installation with the id `installation`."""

    installation = "another"

    def get(self):
        self.answer(200, Merlin_Installation=self.installation)


def test_engine_of_another_installation_is_not_taken_for_our_own(with_engine, capsys):
    with serve_http(OtherMerlin) as server:
        OtherMerlin.installation = "another"
        place = server.url.removeprefix("http://")
        settings = yaml.safe_load(with_engine.path.read_text("utf-8"))
        settings["engine"]["listen"] = place
        settings["providers"][-1]["base_url"] = f"{server.url}/v1"
        with_engine.path.write_text(yaml.safe_dump(settings), "utf-8")
        good, words = run_doctor(with_engine, capsys)["engine.listen"]
        assert not good
        assert "set another engine.listen here" in words


def test_api_of_another_installation_is_not_taken_for_our_own(fresh, capsys):
    with serve_http(OtherMerlin) as server:
        place = server.url.removeprefix("http://")
        configure(fresh, api={"listen": place})
        is_good, message = run_doctor(fresh, capsys)["api.listen"]
        assert not is_good
        assert f"answers at {server.url}/healthz is another installation" in message
        fresh.config.state_dir.mkdir(mode=0o700)
        OtherMerlin.installation = installation_id(fresh.config)
        assert run_doctor(fresh, capsys)["api.listen"] == (
            True,
            "api itself listens there",
        )


def test_answer_that_is_not_of_yookassa_is_told_from_a_refusal_and_from_silence(
    monkeypatch,
):
    for name in ("YOOKASSA_SHOP_ID", "YOOKASSA_SECRET_KEY"):
        monkeypatch.setenv(name, "any")

    def find_problem(status, body):
        class Server(Handler):
            def get(self):
                self.answer(status, body)

        with serve_http(Server) as server, pytest.raises(MerlinError) as raised:
            check_yookassa(YooKassaConfig(base_url=server.url))
        return raised.value.key

    refusal = b'{"type": "error", "code": "invalid_credentials", "description": "no"}'
    assert find_problem(401, refusal) == "doctor-no-shop"
    for status, body in (
        (500, b"oops"),
        (200, b"<html>"),
        (302, b""),
        (200, b"{}"),
        (429, b"{}"),
    ):
        assert find_problem(status, body) == "doctor-shop-fails", (status, body)


def test_model_that_is_named_is_looked_for_at_its_provider(fresh, capsys):
    configure(fresh, chat={"assistant": "stand-in/stand-in-chat"})
    good, words = run_doctor(fresh, capsys)["chat.assistant"]
    assert (good, "-chat" in words) == (True, True), words


def test_repository_that_cannot_be_read_is_named(fresh, capsys):
    shutil.rmtree(fresh.repository.folder / ".git")
    good, words = run_doctor(fresh, capsys)["repository"]
    assert (good, str(fresh.repository.folder) in words) == (False, True)


def test_repository_with_sha_256_is_refused_by_doctor_and_the_check(fresh, capsys):
    shutil.rmtree(fresh.repository.folder / ".git")
    make_repository(fresh.repository.folder, "--object-format=sha256")
    fresh.repository.commit_dataset()
    good, words = run_doctor(fresh, capsys)["repository"]
    assert (good, "fast-export --all" in words) == (False, True)
    assert "try again" not in words
    assert main(["config", "check", "--config", str(fresh.path)]) == 2
    assert "fast-export --all" in capsys.readouterr().err


def test_damaged_copy_of_the_repository_is_named(serving, capsys):
    mirror = serving.config.state_dir / "mirror.git"
    assert run_doctor(serving, capsys)["mirror.git"] == (True, "readable, 1 dataset")
    for damage in (mirror / "objects", mirror / "HEAD"):
        kept = damage.with_name("kept")
        damage.rename(kept)
        good, words = run_doctor(serving, capsys)["mirror.git"]
        assert (good, "delete it and start Merlin" in words) == (False, True), words
        assert "try again" not in words
        kept.rename(damage)
    shutil.rmtree(mirror)
    good, words = run_doctor(serving, capsys)["mirror.git"]
    assert (good, words) == (True, text("en", "doctor-mirror-none"))


def test_key_that_is_a_folder_is_named(fresh, capsys):
    (fresh.config.state_dir / "text.key").mkdir(parents=True)
    good, words = run_doctor(fresh, capsys)["text.key"]
    assert (good, "text.key" in words) == (False, True)


def test_disk_of_the_state_may_be_full_or_elsewhere(tmp_path):
    with pytest.raises(MerlinError, match="doctor-folder-full") as full:
        check_folder(tmp_path / "state", min_free=1 << 60)
    assert "MiB free" in text("en", full.value.key, **full.value.arguments)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"proc /proc proc rw 0 0\nserver:/a {tmp_path} nfs4 rw 0 0\n")
    with pytest.raises(MerlinError, match="doctor-remote-disk") as remote:
        check_file_system(tmp_path / "state", mounts)
    assert str(tmp_path / "state") in text(
        "en", remote.value.key, **remote.value.arguments
    )


def test_server_with_few_connections_left_is_reported(postgresql):
    with pytest.raises(MerlinError, match="doctor-few-connections") as few:
        check_postgresql(postgresql.create(), max_share=0.0)
    assert "of 57 connections" in text("en", few.value.key, **few.value.arguments)


def test_pooler_without_sessions_is_reported(fresh, capsys, postgresql):
    url = postgresql.create()
    with run_pooler(url) as address:
        for database, is_good, words in (
            (url, True, "of 57 connections in use"),
            (address, False, "Set pool_mode = session"),
        ):
            configure(fresh, database=database)
            good, told_words = run_doctor(fresh, capsys)["postgresql"]
            assert (good, words in told_words) == (is_good, True), told_words


def test_unwritable_state_is_reported(fresh, capsys):
    (fresh.folder / "state").write_text("a file in its place", "utf-8")
    good, message = run_doctor(fresh, capsys)["state_dir"]
    assert (
        good,
        "isn't writable: give it to the user that runs Merlin, or set another state_dir"
        in message,
    ) == (False, True)


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_commit_status_token_is_tried(kind, fresh, capsys, monkeypatch):
    with serve_http(ForgeServer(kind)) as forge:
        statuses = {"kind": kind, "url": forge.api, "project": PROJECT}
        configure(fresh, repository={"url": "repository", "statuses": statuses})
        monkeypatch.setenv("MERLIN_FORGE_TOKEN", FORGE_TOKEN)
        good = (True, f"the token reads the project {PROJECT}")
        assert run_doctor(fresh, capsys)["repository.statuses"] == good
        monkeypatch.setenv("MERLIN_FORGE_TOKEN", "an-older-token")
        is_good, message = run_doctor(fresh, capsys)["repository.statuses"]
        assert (is_good, "may write commit statuses" in message) == (False, True)
        assert "an-older-token" not in message
