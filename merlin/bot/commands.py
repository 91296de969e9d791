"""The bot's commands, and the settings that it sends to Telegram at startup and later.

The command menus in each language for private chats and groups, and the course page as the menu
button; the menus of admins and editors, updated when a role changes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    MenuButtonWebApp,
    WebAppInfo,
)
from telegram.error import BadRequest, TelegramError

from merlin.account.users import Roles
from merlin.bot.services import BotServices, run_forever
from merlin.bot.transport import AiohttpRequest
from merlin.core.heartbeat import Failures
from merlin.core.i18n import LANGUAGES, text
from merlin.core.log import get_logger, redact
from merlin.core.permissions import Authority, Permission, Role
from merlin.db.audit import Audit

log = get_logger(__name__)

# Telegram's menus in private chats and in groups; each command has a text `bot-command-<name>`.
MENU = (
    *("help", "new", "sessions", "clear", "t", "lang", "plan", "info", "export", "delete_me"),
    *("model", "course", "preset", "system", "privacy", "terms", "paysupport"),
)
GROUP_MENU = ("new", "course", "t", "info", "help")
# The groups of /help.
HELP_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("help-sessions", ("new", "sessions", "clear", "t")),
    ("help-answers", ("model", "course", "preset", "system")),
    ("help-mine", ("lang", "plan", "privacy", "export", "delete_me")),
    ("help-bot", ("help", "info", "terms", "paysupport")),
)
# Additional commands in the menu and /help of users with the permission.
STAFF = {"admin": Permission.EDIT_EXAMPLES, "examples": Permission.EDIT_EXAMPLES}
COMMANDS = frozenset({*MENU, *GROUP_MENU, *STAFF, "start", "cancel", "tokens"})

# How long after an error setting a menu is retried.
_RETRY_S = 60.0
# How many audit entries are searched for roles revoked while the bot was not running.
_MAX_AUDIT_ENTRIES = 200
_ROLE_PREFIX = "role."
# Telegram accepts only https pages.
_HTTPS = "https://"
# "" is the menu for users of all other languages.
_CODES = ("", *LANGUAGES)


def staff_commands(authority: Authority) -> tuple[str, ...]:
    """Return the additional commands of a user with these permissions."""
    return tuple(name for name, permission in STAFF.items() if authority.may(permission))


async def send_settings(
    bot: Bot, transport: AiohttpRequest, services: BotServices, failures: Failures
) -> None:
    """Send all settings to Telegram, retrying unless one is refused; then update staff menus."""
    calls: list[Callable[[], Awaitable[object]]] = []
    for scope, names in (
        (BotCommandScopeAllPrivateChats(), MENU),
        (BotCommandScopeAllGroupChats(), GROUP_MENU),
    ):
        for code in _CODES:
            menu = _menu(names, code or services.config.language)
            calls.append(partial(bot.set_my_commands, menu, scope, language_code=code or None))
    if services.config.api.public_url.startswith(_HTTPS):
        label = text(services.config.language, "bot-menu-courses")
        button = MenuButtonWebApp(label, WebAppInfo(services.config.api.public_url))
        calls.append(partial(bot.set_chat_menu_button, menu_button=button))
    for call in calls:
        try:
            await transport.retry_until_accepted(call)
        except BadRequest as error:
            log.warning("telegram refuses a setting of the bot", reason=redact(str(error)))
    longest_s = services.pace.longest_pause_s
    await run_forever("menus", _staff_menus(bot, services), longest_s, failures)


def _menu(names: Sequence[str], language: str) -> list[BotCommand]:
    return [BotCommand(name, text(language, f"bot-command-{name}")) for name in names]


def _changed_users(services: BotServices) -> dict[int, tuple[str, ...]]:
    """Return the users whose role changed recently: their menu may be outdated."""
    entries = Audit(services.db).list_newest(_MAX_AUDIT_ENTRIES)
    changed = (entry.target for entry in entries if entry.action.startswith(_ROLE_PREFIX))
    ids = (target.partition(":")[2] for target in changed)
    return {int(user_id): ("",) for user_id in ids if user_id.isdecimal()}


def read_staff_menus(roles: Roles) -> dict[int, tuple[str, ...]]:
    """Return the additional commands of all users who have a role."""
    menus = {user: staff_commands(Authority(role)) for user, role in roles.list_grants()}
    return menus | dict.fromkeys(roles.admins(), staff_commands(Authority(Role.ADMIN)))


def _staff_menus(bot: Bot, services: BotServices) -> Callable[[], Awaitable[None]]:
    """Return the loop that keeps the menus of users with additional commands up to date."""
    sent: dict[int, tuple[str, ...]] = {}
    not_before: dict[int, float] = {}

    async def send_menu(user_id: int, names: tuple[str, ...]) -> None:
        scope = BotCommandScopeChat(user_id)
        try:
            for code in _CODES:
                if names:
                    menu = _menu((*names, *MENU), code or services.config.language)
                    await bot.set_my_commands(menu, scope, language_code=code or None)
                else:
                    await bot.delete_my_commands(scope, language_code=code or None)
        except TelegramError as error:
            # A user who has never written has no chat with the bot.
            log.info("the menu could not be set", chat=user_id, reason=redact(str(error)))
        else:
            sent[user_id] = names
            not_before.pop(user_id, None)

    async def keep_menus() -> None:
        """Check the roles every second and send each menu that changed."""
        sent.update(await services.store.read(partial(_changed_users, services)))
        clock = asyncio.get_running_loop().time
        while True:
            current = await services.store.read(partial(read_staff_menus, services.roles))
            for user_id in {*sent, *current}:
                names = current.get(user_id, ())
                if clock() >= not_before.get(user_id, 0) and sent.get(user_id, ()) != names:
                    not_before[user_id] = clock() + _RETRY_S
                    await send_menu(user_id, names)
            await asyncio.sleep(services.pace.beat_s)

    return keep_menus
