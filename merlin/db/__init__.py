"""The database: every durable row of Merlin, on SQLite or PostgreSQL, through peewee.

`database` opens one, `migrations` make its tables, and one file a family of rows fulfils the
Protocols of the domain. No process is known here.
"""
