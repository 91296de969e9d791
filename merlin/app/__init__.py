"""Modules of app."""
