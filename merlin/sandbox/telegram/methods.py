"""The Bot API's methods by their names; those of updates are in `api`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from merlin.sandbox.telegram import (
    answering,
    editing,
    inline,
    invoices,
    members,
    menus,
    profile,
    sending,
    stars,
    topics,
)
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.world import World

Method = Callable[[World, Arguments], Awaitable[Any]]

METHODS: Mapping[str, Method] = {
    "getMe": profile.get_me,
    "getChat": profile.get_chat,
    "getFile": profile.get_file,
    "setMyCommands": menus.set_my_commands,
    "getMyCommands": menus.get_my_commands,
    "deleteMyCommands": menus.delete_my_commands,
    "setMyName": profile.take_note,
    "setMyDescription": profile.take_note,
    "setMyShortDescription": profile.take_note,
    "setChatMenuButton": profile.take_note,
    "sendMessage": sending.send_message,
    "sendDocument": sending.send_document,
    "sendPhoto": sending.send_photo,
    "sendVoice": sending.send_voice,
    "sendVideoNote": sending.send_video_note,
    "sendChatAction": sending.send_chat_action,
    "sendMessageDraft": sending.send_message_draft,
    "editMessageText": editing.edit_message_text,
    "editMessageCaption": editing.edit_message_caption,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "setMessageReaction": editing.set_message_reaction,
    "answerCallbackQuery": answering.answer_callback_query,
    "answerInlineQuery": inline.answer_inline_query,
    "sendInvoice": invoices.send_invoice,
    "createInvoiceLink": invoices.create_invoice_link,
    "answerPreCheckoutQuery": invoices.answer_pre_checkout_query,
    "refundStarPayment": stars.refund_star_payment,
    "getStarTransactions": stars.get_star_transactions,
    "editUserStarSubscription": stars.edit_user_star_subscription,
    "createForumTopic": topics.create_forum_topic,
    "editForumTopic": topics.edit_forum_topic,
    "closeForumTopic": topics.close_forum_topic,
    "reopenForumTopic": topics.reopen_forum_topic,
    "deleteForumTopic": topics.delete_forum_topic,
    "getChatMember": members.get_chat_member,
    "getChatAdministrators": members.get_chat_administrators,
    "getChatMemberCount": members.get_chat_member_count,
    "leaveChat": members.leave_chat,
}
