"""Samples: a good body for each operation that takes one, a value for what an address needs.

The page of the api fills them in where somebody tries a call, and the Postman collection too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MATERIAL = {
    "title": {"ru": "Введение в графы", "en": "Graphs, a beginning"},
    "type": "lecture",
    "lesson": 3,
    "text": "# Графы\n\nГраф — это вершины и рёбра.\n",
}
_EXAMPLE = {
    "question": "Что такое граф?",
    "answer": "Граф — это вершины и рёбра между ними.",
    "tags": ["graphs"],
}
# By operation id.
BODIES: Mapping[str, Any] = {
    "add_favourite": {"course_id": 1},
    "create_chat_completion": {
        "model": "merlin",
        "messages": [{"role": "user", "content": "Что такое граф?"}],
    },
    "place_order": {"plan": "plus"},
    "redeem_code": {"code": "LETO"},
    "refund_payment": {"minor": 10000, "reason": "не подошло"},
    "make_promo": {"code": "LETO", "plan": "plus", "percent": 20},
    "rate": {"value": "up"},
    "set_name": {"name": "anna.k"},
    "set_password": {"password": "семь синих слонов"},
    "sign_in_by_telegram": {"init_data": "user=%7B%22id%22%3A1001%7D&auth_date=1795176000&hash=0"},
    "sign_in_by_password": {"name": "anna", "password": "семь зелёных слонов"},
    "make_key": {"label": "мой бот", "scopes": ["courses:read", "chat:write"]},
    "edit_course": {"semester": 2},
    "add_material": _MATERIAL,
    "edit_material": _MATERIAL,
    "solve_change": {"take": "mine"},
    "add_example": _EXAMPLE,
    "edit_example": _EXAMPLE,
    "roll_back": {"to": None},
    "launch_job": {"dataset": "algorithms"},
    "grant_role": {"role": "teacher", "scope": "algorithms"},
    "telegram": {"update_id": 1},
    "payment": {
        "event": "payment.succeeded",
        "object": {"id": "22e12f66-000f-5000-8000-18db351245c7"},
    },
}
# By the name of the parameter.
PLACES: Mapping[str, int | str] = {
    "course_id": 1,
    "material_id": 1,
    "change_id": "00000000000000000000000000000000",
    "dataset": "algorithms",
    "example_id": "graphs/what-is-a-graph",
    "version": "algorithms-1",
    "old": "algorithms-1",
    "new": "algorithms-2",
    "job_id": 1,
    "model_id": 1,
    "request_id": 1,
    "user_id": 1001,
    "turn_id": 1,
    "session_id": 1,
    "sign_in_id": 1,
    "key_id": 1,
    "name": "merlin",
    "plan": "plus",
    "order_id": "00000000000000000000000000000000",
    "renewal_id": 1,
    "code": "LETO",
    "query": "алгоритм",
}
