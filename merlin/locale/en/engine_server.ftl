### What the engine itself says to people; a model's answers are the datasets' own words.

engine-unknown = I do not know the answer to this question.
engine-follow-up = I answer only what I was taught. Please ask it as a whole question.
engine-db-gone = The engine's database { $path } is gone, and what only it knows is still there: { $left }. Put your copy of it back. To begin anew, move these folders away first: the engine would clear away what no database names.
engine-db-damaged = The engine's database { $path } is damaged: { $found }. Stop the engine and put your copy of it in its place.
engine-db-newer = The engine's database { $path } was made by a newer Merlin. Install that version, or put an older copy in its place.
