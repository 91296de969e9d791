"""The OpenAI protocol: code shared by Merlin's servers and its client."""
