-- Which commits carry which git note.
CREATE TABLE noted (
    commit_sha TEXT PRIMARY KEY,
    words TEXT NOT NULL,
    at TEXT NOT NULL
);
