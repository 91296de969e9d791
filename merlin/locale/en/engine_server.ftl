### What the engine itself says to people; a model's answers are the datasets' own words.

engine-unknown = I don't know this one: it isn't in the examples I learnt from. Try other words.
engine-follow-up = I don't know what this follow-up is about. Please ask the whole question.
engine-db-missing = The engine's database { $path } is gone, but its data is still there: { $left }. Restore the database from a backup. To start over, move these folders away first: otherwise the engine deletes everything its database doesn't list.
engine-db-damaged = The engine's database { $path } is damaged: { $found }. Stop the engine and restore a backup.
engine-db-newer = The engine's database { $path } was made by a newer Merlin. Install that version, or restore an older backup.
