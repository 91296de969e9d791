"""The pages of those who lead courses: materials, examples, what people ask, edits."""
