"""Plans as they are told and bought in the bot."""
