"""The OpenAI protocol: what Merlin's servers of it and its client of it share."""
