"""The modules with handlers, in the order in which handlers are tried."""

from __future__ import annotations

from merlin.bot.handlers import (
    admin,
    approvals,
    broadcasts,
    changes,
    example_draft,
    example_proof,
    examples,
    feedback,
    groups,
    jobs,
    models,
    orders,
    payments,
    people,
    plans,
    profile,
    questions,
    session_choices,
    sessions,
    start,
)

MODULES = (
    *(start, session_choices, sessions, groups, profile, plans, orders, feedback),
    *(admin, changes, example_draft, example_proof, examples, jobs, models, people, payments),
    *(broadcasts, approvals, questions),
)
