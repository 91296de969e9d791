-- Tables and their indexes by the words of the field, in the singular. `user` and `update` are words
-- of SQL.
ALTER TABLE users RENAME TO person;
ALTER TABLE updates RENAME TO telegram_update;
ALTER TABLE errand RENAME TO waiting_request;
ALTER TABLE wake RENAME TO change_counter;
