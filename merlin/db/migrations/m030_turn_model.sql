-- The answers of one model are found by their key, however many there are. The provider comes first,
-- so that a model's name alone never asks it: without statistics SQLite takes a name for rare, and
-- would read a million turns one by one.
CREATE INDEX turn_model ON turn (provider, model_id, id);
