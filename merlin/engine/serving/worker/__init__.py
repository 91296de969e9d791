"""The worker process that serves a base with torch."""
