"""Basics shared by every package: errors, time, logs, texts, messages, files, servers.

Imports no other package of Merlin and no client of an external service.
"""
