"""The engine's routes: one file a family of calls."""
