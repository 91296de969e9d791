### What the engine itself says to people; a model's answers are the datasets' own words.

engine-unknown = I don't know this one: it isn't in the examples I learnt from. Try other words.
engine-follow-up = I don't know what this follow-up is about. Please ask the whole question.
engine-not-taught = I wasn't taught this question in these words.
engine-if-meant = If you mean “{ $question }”:
engine-db-missing = The engine's database { $path } is gone or empty, but its data is still there: { $left }. Restore the database from a backup, with the file engine.db-wal if there was one. To start over, move these folders away first. The engine has deleted nothing.
engine-set-aside =
    { $count ->
        [one] { $count } file or folder isn't in the engine's database and stays
       *[other] { $count } files or folders aren't in the engine's database and stay
    } in { $folder } for a week. If models are missing, the database may be an old copy: restore the right one, and what it lists comes back at the next start.
engine-db-damaged = The engine's database { $path } is damaged: { $found }. Stop the engine and restore a backup.
engine-db-newer = The engine's database { $path } was made by a newer Merlin. Install that version, or restore an older backup.
