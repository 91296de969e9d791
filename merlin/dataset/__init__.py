"""Datasets: their files and checks, the examples in git and in the database, changes and builds."""
