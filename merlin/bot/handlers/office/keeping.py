"""Keeping: the topics of those who keep Merlin, as one list."""

from __future__ import annotations

from merlin.bot.handlers import examples
from merlin.bot.handlers.office import (
    admin,
    broadcasting,
    codes,
    gifting,
    health,
    jobs,
    launching,
    payments,
    people,
    plan_gift,
    promoting,
    purchases,
    refunding,
    registry,
    roles,
)
from merlin.bot.handlers.topic import Topic

TOPICS: tuple[Topic, ...] = (
    admin.TOPIC,
    examples.TOPIC,
    jobs.TOPIC,
    launching.TOPIC,
    registry.TOPIC,
    promoting.TOPIC,
    people.TOPIC,
    roles.TOPIC,
    gifting.TOPIC,
    plan_gift.TOPIC,
    purchases.TOPIC,
    refunding.TOPIC,
    payments.TOPIC,
    codes.TOPIC,
    broadcasting.TOPIC,
    health.TOPIC,
)
