"""Stars: what Telegram tells of money, and what the bot asks of it, beside the talk."""
