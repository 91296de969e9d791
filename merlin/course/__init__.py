"""Courses: the catalogue built from course.yaml files, its search, and edits of courses."""
