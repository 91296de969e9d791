"""What every other room stands on: errors, time, logs, texts, messages, durable words, servers.

Imports nothing of Merlin and no outside service's client.
"""
