"""The routes of the api, one file a topic."""
