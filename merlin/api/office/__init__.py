"""What those who watch the pipeline read, and what they ask the daemon for."""
