# What the api's door says to those who ask models through it.

door-wrong = { $place }: { $why }
door-no-question = The talk must end with a message of the user: the question.
door-empty-question = The question is empty.
door-no-pictures = Pictures are not looked at here: no model that sees them is set up. Please ask in words.
door-picture-url = Send the picture itself, as data:image/jpeg;base64,… (jpeg, png, webp or gif). Addresses are never fetched.
door-not-several = One call gets one answer here. Leave n out and call again for another answer.
door-not-tools = The models here answer in words and call no tools or functions. Leave this field out.
door-not-logprobs = How likely each token was is not told here. Leave this field out.
door-not-bias = Single tokens cannot be made likelier or rarer here. Leave logit_bias out.
door-not-speech = Answers are text here, not speech. Leave this field out.
door-unwished = The model that serves does not take { $field }. It says: { $why }
door-no-model = There is no model "{ $model }". There are: { $names }.
door-window = This talk is too long: at most { $limit } tokens fit, the answer among them. Please leave out what was said first.
door-closed = { $kind ->
        [photo] Questions on photos are
       *[text] Questions are
    } not part of your plan.
door-spent = { $kind ->
        [photo] Questions on photos
       *[text] Questions
    } { $period ->
        [day] for today
       *[month] for this month
    } are used up: your plan has { $limit }. More from { $until }. This one was not counted.
door-busy = The model does not answer now: its provider is busy or away. Please ask again in a few minutes. This question was not counted.
door-nobody = There is nobody to answer now: no model is at work. Please try later. This question was not counted.
door-empty = The model gave an empty answer. Ask again, or in other words. This question was not counted.
door-note-cut = The answer was cut off: the connection to the model broke. To get the whole of it, ask again.
door-note-length = The answer met its limit of length. Write "go on", and it will.
door-note-filtered = The model's provider stopped the answer by its filter. Try asking in another way.
door-note-earlier = This was answered by an earlier version, { $model }: the present one is not available now.
door-note-not-tuned = This was answered not by the tuned model but by { $model }: the one tuned on our examples is not available now.
door-note-never-tuned = This was answered by the general model { $model }: there is none tuned on our examples yet.
door-note-alone = What was said before did not fit, so only the last question was answered.

api-problem-idempotency-key = Wrong Idempotency-Key
api-problem-idempotency-key-detail = Idempotency-Key needs 1 to 255 visible signs without blanks.
api-problem-idempotency-other = The key belongs to another call
api-problem-idempotency-other-detail = A call with this Idempotency-Key asked for something else. Use a new key for a new call.
api-problem-idempotency-running = The call is under way
api-problem-idempotency-running-detail = The same call is still being answered. Please try again in a few seconds.
api-problem-scope-beyond-role = More than your role allows
api-problem-scope-beyond-role-detail = Your role does not allow { $scopes }, so a key could not use it either. Leave it out.
api-problem-not-rateable = This turn cannot be rated
api-problem-not-rateable-detail = Only a question that was answered can be rated.
api-problem-no-consent = No consent yet
api-problem-no-consent-detail = A correction goes to the editors only with your consent. Give it in the bot: /privacy.
api-problem-no-example = This cannot be an example
api-problem-no-example-detail = Only a question in words, alone with the bot, answered for a dataset, can be corrected.
api-problem-too-many-corrections = Too many corrections wait
api-problem-too-many-corrections-detail = Editors have not yet read those that you sent. Please send this one later.
account-no-key = You have no such key.
session-unknown = You have no such session.
turn-unknown = You have asked no such question.
account-key-beyond = The role of this person does not allow { $scopes }: a key could not use it either.
account-did-key = { $user }: key { $number } for { $scopes }. Its secret is shown this once:
