"""Shop: the topics of what is bought, as one list."""

from __future__ import annotations

from merlin.bot.handlers.pay import buying, code, inviting, offer, orders, plan, stopping
from merlin.bot.handlers.topic import Topic

TOPICS: tuple[Topic, ...] = (
    plan.TOPIC,
    offer.TOPIC,
    buying.TOPIC,
    code.TOPIC,
    inviting.TOPIC,
    orders.TOPIC,
    stopping.TOPIC,
)
