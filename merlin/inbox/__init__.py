"""The inbox: what came from Telegram and what goes out to it, as durable states.

The bot works them; the api may put updates into it. No outside client is known here.
"""
