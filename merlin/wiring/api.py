"""Composition of the API process: database, write queue, server, systemd notifications."""

from contextlib import closing
from functools import cache, partial

from merlin.api.app import serve
from merlin.api.pages.page import load_templates
from merlin.api.services import ApiServices
from merlin.chat.answer import AnswerService
from merlin.config import Config
from merlin.config.credentials import BOT_TOKEN, bot_id, credential, webhook_secret
from merlin.config.settings import GIT_HOOK_SECRET
from merlin.core.log import hide_secrets
from merlin.core.server import READY, STOPPING, notify
from merlin.db.writer import Store
from merlin.wiring import context
from merlin.wiring.process import observe_process


def run_api(config: Config) -> None:
    """Serve until stopped. Raises ConfigError if the address is taken."""
    with (
        observe_process(config, "api"),
        context.open_checked_database(config) as database,
        closing(Store(database)) as store,
    ):
        load_templates().read_all()
        serve(services_of(config, store), config.api, partial(notify, READY))
        notify(STOPPING)


def services_of(config: Config, store: Store) -> ApiServices:
    """Return the API's services over one database.

    Raises ConfigError if a credential is missing or invalid.
    """
    store.db.cipher = context.make_cipher(config, store.db)
    shop = config.payments.yookassa
    gateway = None if shop is None else context.yookassa_gateway(shop)
    token = credential(BOT_TOKEN) if config.telegram.mode == "webhook" else ""
    secrets = credential(GIT_HOOK_SECRET, is_needed=False, is_header=False).split()
    hide_secrets(secrets)
    answerers = context.create_chat_clients(config, requires_all=False)
    return ApiServices(
        config=config,
        store=store,
        db=store.db,
        webhook_bot=bot_id(token) if token else None,
        telegram_secret=webhook_secret(token) if token else "",
        gateway=gateway,
        polled=gateway,
        source=cache(partial(context.git_source, config))
        if config.repository
        else None,
        answer_service=AnswerService(answerers),
        git_secrets=secrets,
    )
