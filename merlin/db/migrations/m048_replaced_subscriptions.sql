-- First payments of earlier Stars subscriptions of the plan that the bot has to cancel at Telegram.
ALTER TABLE renewal ADD COLUMN replaced TEXT NOT NULL DEFAULT '';
