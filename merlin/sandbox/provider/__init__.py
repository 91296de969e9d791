"""A stand-in of a model provider with the OpenAI protocol: chat, images, voice.

Its answers are rule-based (`chat`): a summary is the text's first sentences, a translation is the
marked source text, and every answer says that it comes from a stand-in.
"""
