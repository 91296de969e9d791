"""A stand-in of a model provider in the OpenAI protocol: chat, images, voice, and fine-tune jobs.

It is honest by rule (`chat`): it leads a summary with the text's own sentences, marks a
translation as the source, and says in every answer that it is a stand-in.
"""
