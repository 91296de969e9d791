-- Which keys of people's texts each process holds; `holds` is the keys' names, the sealing one first.
CREATE TABLE key_holder (
    process TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    at TEXT NOT NULL,
    holds TEXT NOT NULL,
    PRIMARY KEY (process, host, pid)
);
