"""The pages of those who watch and keep the pipeline: jobs, models, builds, verdicts, people.

And of those who keep the money: payments, refunds, codes.
"""

from merlin.api.pages.admin import (
    billing,
    billing_payment,
    billing_promos,
    builds,
    deeds,
    health,
    home,
    job,
    jobs,
    models,
    rooms,
    users,
    verdicts,
)

MONEY = (billing, billing_promos, billing_payment)
TOPICS = (home, rooms, jobs, job, models, builds, verdicts, users, *MONEY, deeds, health)
