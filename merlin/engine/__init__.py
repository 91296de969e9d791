"""`merlin engine`: our own server of the OpenAI protocol, which trains and answers."""
