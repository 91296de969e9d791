"""The door: questions that come through the api, in the words of the OpenAI protocol."""
