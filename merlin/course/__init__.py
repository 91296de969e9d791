"""Courses: what course.yaml says of them, as the catalogue that people and programs read."""
