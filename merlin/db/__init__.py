"""The database of Merlin, SQLite or PostgreSQL, through peewee.

`database` opens it, `migrations` create its tables. Repositories of a subject are beside its rules;
those here are shared by all subjects.
"""
