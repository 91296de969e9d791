"""Site: all pages of one application."""

from __future__ import annotations

from fastapi import FastAPI

from merlin.api.pages import (
    admin,
    assets,
    catalogue,
    chat,
    checkout,
    course,
    favourites,
    material,
    me,
    my_plan,
    orders,
    plans,
    sign_in,
    teach,
)
from merlin.api.pages.trouble import add_lost

TOPICS = (assets, catalogue, course, material, favourites, sign_in, me, my_plan, chat)
SHOP = (plans, checkout, orders)
STAFF = (*teach.TOPICS, *admin.TOPICS)


def add_pages(app: FastAPI) -> None:
    """Let the application answer with pages, and read the assets before the first call."""
    assets.assets()
    for topic in (*TOPICS, *SHOP, *STAFF):
        app.include_router(topic.router)
    add_lost(app)
