"""Routes of the engine: the OpenAI protocol, health."""
