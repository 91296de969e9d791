"""Composition of the API process: database, write queue, server, systemd notifications."""

import faulthandler
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

# From the signal on: a request has `FINISH_S`. A thread has no end of its own, and Python would
# wait for each: for five minutes no api listened.
END_S = 10


def run_api(config: Config) -> None:
    """Serve until stopped, and end `END_S` seconds after it, with what still runs in the log.

    Raises ConfigError if the address is taken.
    """
    end_soon = partial(faulthandler.dump_traceback_later, END_S, exit=True)
    with (
        observe_process(config, "api"),
        context.open_checked_database(config) as database,
        closing(Store(database)) as store,
    ):
        load_templates().read_all()
        serve(services_of(config, store), config.api, partial(notify, READY), end_soon)
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
