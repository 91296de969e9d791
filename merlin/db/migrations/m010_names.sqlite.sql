DROP INDEX users_newest;
DROP INDEX updates_waiting;
DROP INDEX updates_user;
DROP INDEX updates_finished;
DROP INDEX updates_chat;
DROP INDEX errand_chat;
CREATE INDEX person_newest ON person (first_seen_at, user_id);
CREATE INDEX telegram_update_waiting ON telegram_update (bot_id, chat_id, id)
    WHERE state = 'waiting';
CREATE INDEX telegram_update_user ON telegram_update (user_id);
CREATE INDEX telegram_update_finished ON telegram_update (finished_at);
CREATE INDEX telegram_update_chat ON telegram_update (chat_id);
CREATE INDEX waiting_request_chat ON waiting_request (chat_id);
