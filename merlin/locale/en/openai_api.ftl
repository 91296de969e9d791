# Answers and errors of the OpenAI-compatible API (`/v1`).

openai-wrong = { $place }: { $why }
openai-no-question = The conversation must end with a user message: the question.
openai-empty-question = The question is empty.
openai-not-supported = The field { $field } isn't supported here. Leave it out.
openai-not-accepted = The live model doesn't accept { $field }. Its provider says: { $why }
openai-no-model = Model “{ $model }” not found. Available: { $names }.
openai-window = This conversation is too long: up to { $limit } tokens fit, answer included. Leave out its start.
openai-closed = { $kind ->
        [photo] Questions about photos aren't
       *[text] Questions aren't
    } part of your plan.
openai-spent = { $kind ->
        [photo] Questions about photos
       *[text] Questions
    } { $period ->
        [day] for today
       *[month] for this month
    } are used up (your plan has { $limit }). More { $until }. This one isn't counted.
openai-busy = The model isn't responding: its provider is busy or unavailable. Please ask again in a few minutes. This question isn't counted.
openai-no-model-available = I can't answer right now: no model is available. Try again in a few minutes. This question isn't counted.
openai-empty = The model gave an empty answer. Ask again or in other words. This question isn't counted.
openai-note-cut = The answer was cut off: the connection to the model broke. To get all of it, ask again.
openai-note-length = The answer didn't fit. Write “continue” for the rest.
openai-note-filtered = The model provider's filter blocked this answer. Try rephrasing.
openai-note-earlier = Answered by the previous model, { $model }: the live one is unavailable right now.
openai-note-not-tuned = Answered by a backup model, { $model }: ours is unavailable right now.
openai-note-never-tuned = Answered by the general model { $model }: none is trained on our examples yet.
openai-note-alone = The earlier part of the conversation didn't fit, so only the last question was answered.

api-problem-not-rateable = Only a question that was answered can be rated.
api-problem-no-example = Only a text question asked in private and answered from a dataset can be corrected.
account-no-key = Key not found.
session-unknown = Conversation not found: it may have been deleted. Open the list of conversations again.
turn-unknown = Question not found: its conversation may have been deleted. Open the list of conversations again.
account-key-beyond = The role doesn't allow { $scopes }, so a key couldn't use it either.
account-did-key = { $user }: key { $number } for { $scopes }. It's shown only once:
