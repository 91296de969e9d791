"""What teachers and editors change through the api: every write is a Change, so a commit."""
