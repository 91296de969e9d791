"""Office: the screens of those who keep Merlin: jobs, models, people, health."""
