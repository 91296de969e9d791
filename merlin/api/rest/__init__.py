"""The REST api: one module a subject, each route under /api."""
