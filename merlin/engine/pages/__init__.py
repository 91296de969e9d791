"""The engine's web pages: jobs, bases, models and the machine."""
