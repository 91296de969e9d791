"""The pages of those who watch and keep the pipeline: jobs, models, builds, verdicts, people."""

from merlin.api.pages.admin import builds, health, home, job, jobs, models, rooms, users, verdicts

TOPICS = (home, rooms, jobs, job, models, builds, verdicts, users, health)
