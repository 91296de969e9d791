"""Routes of the engine: the OpenAI protocol, webhook endpoints, health."""
