"""What every other package uses: errors, time, logs, texts, messages, files, servers.

Imports nothing else of Merlin, and no client of an outside service.
"""
