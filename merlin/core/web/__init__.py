"""Shared parts of the web pages: assets, templates, and what requests say about the browser."""
