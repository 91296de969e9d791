ALTER INDEX users_pkey RENAME TO person_pkey;
ALTER INDEX users_newest RENAME TO person_newest;
ALTER INDEX updates_pkey RENAME TO telegram_update_pkey;
ALTER INDEX updates_bot_id_update_id_key RENAME TO telegram_update_bot_id_update_id_key;
ALTER INDEX updates_waiting RENAME TO telegram_update_waiting;
ALTER INDEX updates_user RENAME TO telegram_update_user;
ALTER INDEX updates_finished RENAME TO telegram_update_finished;
ALTER INDEX updates_chat RENAME TO telegram_update_chat;
ALTER SEQUENCE updates_id_seq RENAME TO telegram_update_id_seq;
ALTER INDEX errand_pkey RENAME TO waiting_request_pkey;
ALTER INDEX errand_chat RENAME TO waiting_request_chat;
ALTER INDEX wake_pkey RENAME TO change_counter_pkey;
-- What a process of the previous version reads and writes until it is restarted; the next version
-- drops them. SQLite has no view that takes an INSERT with ON CONFLICT.
CREATE VIEW users AS SELECT * FROM person;
CREATE VIEW updates AS SELECT * FROM telegram_update;
CREATE VIEW errand AS SELECT * FROM waiting_request;
CREATE VIEW wake AS SELECT * FROM change_counter;
