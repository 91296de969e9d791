"""The bot's commands, and the settings that it sends to Telegram at startup.

The command menus in each language for private chats and groups, the bot's description, and the
course page as the menu button. /help lists the commands of staff.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    MenuButtonWebApp,
    WebAppInfo,
)
from telegram.error import BadRequest

from merlin.bot.services import BotServices
from merlin.bot.transport import AiohttpRequest
from merlin.core.i18n import LANGUAGES, text
from merlin.core.log import get_logger, redact
from merlin.core.permissions import Authority, Permission

log = get_logger(__name__)

# Telegram's menus in private chats and in groups; each command has a text `bot-command-<name>`.
# The most useful ones come first: /help shows the first `SHOWN_FIRST`, and the rest on request.
MENU = (
    *(
        "new",
        "sessions",
        "course",
        "model",
        "preset",
        "plan",
        "lang",
        "privacy",
        "help",
        "clear",
    ),
    *("t", "system", "info", "export", "delete_me", "terms", "paysupport"),
)
SHOWN_FIRST = 8
GROUP_MENU = ("new", "course", "t", "info", "help")
# Additional commands in /help of users with the permission, before the others.
STAFF = {"admin": Permission.EDIT_EXAMPLES, "examples": Permission.EDIT_EXAMPLES}

# Telegram accepts only https pages.
_HTTPS = "https://"
# "" is the menu for users of all other languages.
_CODES = ("", *LANGUAGES)


def staff_commands(authority: Authority) -> tuple[str, ...]:
    """Return the additional commands of a user with these permissions."""
    return tuple(
        name for name, permission in STAFF.items() if authority.may(permission)
    )


async def send_settings(
    bot: Bot, transport: AiohttpRequest, services: BotServices
) -> None:
    """Send all settings to Telegram, retrying unless one is refused."""
    calls: list[Callable[[], Awaitable[object]]] = []
    for scope, names in (
        (BotCommandScopeAllPrivateChats(), MENU),
        (BotCommandScopeAllGroupChats(), GROUP_MENU),
    ):
        for code in _CODES:
            menu = _menu(names, code or services.config.language)
            calls.append(
                partial(bot.set_my_commands, menu, scope, language_code=code or None)
            )
    if services.config.api.public_url.startswith(_HTTPS):
        label = text(services.config.language, "bot-menu-courses")
        button = MenuButtonWebApp(label, WebAppInfo(services.config.api.public_url))
        calls.append(partial(bot.set_chat_menu_button, menu_button=button))
    language = services.config.language
    calls += [partial(_describe, bot, code, code or language) for code in _CODES]
    for call in calls:
        try:
            await transport.retry_until_accepted(call)
        except BadRequest as error:
            log.warning(
                "telegram refuses a setting of the bot", reason=redact(str(error))
            )


async def _describe(bot: Bot, code: str, language: str) -> None:
    """Say that one talks to a program, unless the bot's owner has described it.

    The European Union's AI Act, article 50(1), asks for it at the first contact.
    """
    if not (await bot.get_my_description(code)).description:
        await bot.set_my_description(text(language, "bot-description"), code)
    if not (await bot.get_my_short_description(code)).short_description:
        words = text(language, "bot-short-description")
        await bot.set_my_short_description(words, code)


def _menu(names: Sequence[str], language: str) -> list[BotCommand]:
    return [BotCommand(name, text(language, f"bot-command-{name}")) for name in names]
