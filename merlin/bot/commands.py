"""The commands that there are, and what the bot tells Telegram of them at the start and later.

Its commands in each language, for private chats and for groups, and the course page as the button
beside the field; to each admin and editor the commands of their role too, anew whenever a role
changes. In webhook mode also where updates shall go; a webhook that somebody else has set is never
taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count

from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    MenuButtonWebApp,
    WebAppInfo,
)
from telegram.error import TelegramError

from merlin.bot.processor import WANTED
from merlin.bot.services import BotServices, run_forever
from merlin.bot.transport import ConnectionState
from merlin.core.heartbeat import BugCount
from merlin.core.i18n import LANGUAGES, text
from merlin.core.log import get_logger, redact
from merlin.core.permissions import Authority, Permission
from merlin.db.audit import Audit

log = get_logger(__name__)

# Each command has a text `bot-command-<name>`. Telegram's menu in private chats, and in groups.
MENU = (
    *("help", "new", "sessions", "clear", "t", "lang", "plan", "info", "export", "delete_me"),
    *("model", "course", "preset", "system", "privacy", "terms", "paysupport"),
)
GROUP_MENU = ("new", "t", "settings", "info", "help")
# How /help lists them.
HELP_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("help-talk", ("new", "sessions", "clear", "t")),
    ("help-answers", ("model", "course", "preset", "system")),
    ("help-mine", ("lang", "plan", "privacy", "export", "delete_me")),
    ("help-bot", ("help", "info", "terms", "paysupport")),
)
# Further ones, in menu and /help of whoever may do the thing named.
STAFF = {"admin": Permission.EDIT_EXAMPLES, "examples": Permission.EDIT_EXAMPLES}
COMMANDS = frozenset({*MENU, *GROUP_MENU, *STAFF, "start", "cancel", "tokens"})

# How long after a refusal a menu is offered again.
_AGAIN_S = 60.0
# How far back a role that was taken away while nobody served is looked for.
_LOOK_BACK = 200
_ROLE = "role."
# Telegram opens no other page.
_SECURE = "https://"
# "" is what Telegram shows to people of every other language.
_CODES = ("", *LANGUAGES)


def staff_commands(standing: Authority) -> tuple[str, ...]:
    """Return the further commands of whoever stands so."""
    return tuple(name for name, permission in STAFF.items() if standing.may(permission))


async def greet(bot: Bot, line: ConnectionState, services: BotServices, bugs: BugCount) -> None:
    """Tell Telegram all of it, each part until it has been taken; then keep menus up to date."""
    for scope, names in (
        (BotCommandScopeAllPrivateChats(), MENU),
        (BotCommandScopeAllGroupChats(), GROUP_MENU),
    ):
        for code in _CODES:
            menu = _menu(names, code or services.config.language)
            call = partial(bot.set_my_commands, menu, scope, language_code=code or None)
            await _until_taken(line, call)
    if services.config.api.public_url.startswith(_SECURE):
        message = text(services.config.language, "bot-menu-courses")
        button = MenuButtonWebApp(message, WebAppInfo(services.config.api.public_url))
        await _until_taken(line, partial(bot.set_chat_menu_button, menu_button=button))
    if services.webhook is not None:
        url, secret = services.webhook
        call = partial(bot.set_webhook, url, secret_token=secret, allowed_updates=list(WANTED))
        await _until_taken(line, call)
    await run_forever("menus", _staff_menus(bot, services), services.pace.longest_pause_s, bugs)


def _menu(names: Sequence[str], language: str) -> list[BotCommand]:
    return [BotCommand(name, text(language, f"bot-command-{name}")) for name in names]


def _earlier_menus(services: BotServices) -> dict[int, tuple[str, ...]]:
    """Return whose role changed lately: their menu may still be that of an earlier one."""
    entries = Audit(services.db).newest(_LOOK_BACK)
    changed = (entry.target for entry in entries if entry.action.startswith(_ROLE))
    ids = (target.partition(":")[2] for target in changed)
    return {int(user_id): ("",) for user_id in ids if user_id.isdecimal()}


def _wanted_menus(services: BotServices) -> dict[int, tuple[str, ...]]:
    """Return the further commands of everybody who has any."""
    roles = services.roles
    granted = (grant.user_id for grant in roles.granted())
    people = {*services.config.telegram.admins, *granted}
    found = {person: staff_commands(roles.authority(person)) for person in people}
    return {user_id: names for user_id, names in found.items() if names}


def _staff_menus(bot: Bot, services: BotServices) -> Callable[[], Awaitable[None]]:
    """Return what keeps the menus of those who may do more than ask, each in their chat."""
    values: dict[int, tuple[str, ...]] = {}
    not_before: dict[int, float] = {}

    async def tell(user_id: int, names: tuple[str, ...]) -> None:
        scope = BotCommandScopeChat(user_id)
        try:
            for code in _CODES:
                if names:
                    menu = _menu((*names, *MENU), code or services.config.language)
                    await bot.set_my_commands(menu, scope, language_code=code or None)
                else:
                    await bot.delete_my_commands(scope, language_code=code or None)
        except TelegramError as error:
            # Who has not written yet has no chat with the bot.
            log.info("a menu was not taken", chat=user_id, reason=redact(str(error)))
        else:
            values[user_id] = names
            not_before.pop(user_id, None)

    async def watch() -> None:
        """Look at the roles every second; tell Telegram of each menu that is another one."""
        values.update(await services.store.read(partial(_earlier_menus, services)))
        clock = asyncio.get_running_loop().time
        while True:
            requested = await services.store.read(partial(_wanted_menus, services))
            for user_id in {*values, *requested}:
                names = requested.get(user_id, ())
                if clock() >= not_before.get(user_id, 0) and values.get(user_id, ()) != names:
                    not_before[user_id] = clock() + _AGAIN_S
                    await tell(user_id, names)
            await asyncio.sleep(services.pace.beat_s)

    return watch


async def _until_taken(line: ConnectionState, call: Callable[[], Awaitable[bool]]) -> None:
    for attempt in count():
        try:
            await call()
        except TelegramError as error:
            log.info("telegram has not taken it yet", reason=redact(str(error)))
        else:
            return
        await line.pause(attempt)
