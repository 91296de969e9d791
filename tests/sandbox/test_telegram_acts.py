"""Actions of people in private chats: pastes, replies, edits, reactions, pressed keys."""

import pytest
from telegram.constants import UpdateType

from merlin.core.errors import NotFound

pytestmark = pytest.mark.functional


def test_reaction_is_delivered_to_a_bot_that_requested_it(telegram, call):
    sent = call(lambda bot: bot.send_message(1001, "a"))
    telegram.react("anna", sent.message_id, "👍")
    assert telegram.pending() == []
    call(lambda bot: bot.get_updates(allowed_updates=list(UpdateType)))
    telegram.react("anna", sent.message_id, "👎")
    (update,) = call(lambda bot: bot.get_updates())
    reaction = update.message_reaction
    assert (reaction.old_reaction[0].emoji, reaction.new_reaction[0].emoji) == ("👍", "👎")
    telegram.react("anna", sent.message_id, "")
    assert telegram.log("anna")[0].reactions == {}


@pytest.mark.parametrize(
    "act",
    [
        lambda standin: standin.say("igor", "a"),
        lambda standin: standin.say("anna@nowhere", "a"),
        lambda standin: standin.say("anna#7", "a"),
        lambda standin: standin.forward("anna", [7]),
        lambda standin: standin.react("anna", 7, "👍"),
    ],
)
def test_action_on_something_unknown_raises_not_found(telegram, act):
    with pytest.raises(NotFound):
        act(telegram)
