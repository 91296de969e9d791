"""Topics: what the operations of the api are sorted by, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Mapping

TOPICS: Mapping[str, str] = {
    "courses": "The catalogue: courses, materials, semesters, teachers, and search over all.",
    "favourites": "The courses that you keep at hand.",
    "openai": "Models to talk to, for every client of the OpenAI protocol.",
    "sessions": "Your talks with the models.",
    "ratings": "What you think of an answer.",
    "usage": "What is left of your plan, and all that is kept of you.",
    "plans": "What may be asked, how often, and what that costs.",
    "orders": "What you buy: orders, the way to pay them, renewals, codes.",
    "me": "Who you are here: browsers, user name, password.",
    "sign-in": "Ways in and out, for browsers.",
    "keys": "Keys for your programs.",
    "teaching": "Courses that you lead: their card, their materials, what people ask.",
    "changes": "Edits on their way to a commit.",
    "examples": "What models learn from.",
    "datasets": "Datasets, what training them costs, and going back.",
    "builds": "Versions of a dataset as training files.",
    "jobs": "Fine-tune jobs: look, launch, cancel.",
    "models": "Tuned models: which one serves.",
    "verdicts": "What commits and requests led to.",
    "office": "How Merlin stands.",
    "people": "People and their roles, for admins.",
    "payments": "What was paid and went back, sums and codes, for admins.",
    "process": "Signs of life, for machines that watch this one.",
    "hooks": "What outside services call when something has happened.",
}
