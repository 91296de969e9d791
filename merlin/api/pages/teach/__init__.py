"""Pages for teachers: materials, examples, questions, edits."""
