"""The pages of those who lead courses: materials, examples, what people ask, what edits led to."""

from merlin.api.pages.teach import change, course, examples, home, material, questions

TOPICS = (home, course, material, examples, questions, change)
