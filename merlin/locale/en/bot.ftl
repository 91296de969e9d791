# What the bot says.
bot-renewed = [The earlier conversation filled the model's window, so a new one is open. The old one is in /sessions.]
bot-window-near = [The model's window is { $share } % full. Details: /t]
bot-window-full = [The model's window is { $share } % full: no more fits into this conversation. Choose how to go on, or just write and a new one opens.]
bot-stop = ⏹ Stop
bot-stopping = Stopping
bot-stop-late = The answer is already there
bot-stopped = [Stopped as you asked.]
bot-button-plan = Plans, and what is left
bot-button-copy = 📋 Copy code
bot-button-sum = Summarise and go on
bot-button-sum-old = Summarise the earlier one and go on
bot-button-new = New conversation
bot-button-bigger = A model with a bigger window
bot-button-old = This button does not work any more.
bot-nearest = Perhaps you meant:
bot-not-yours = This is not your answer.
bot-again-photo = Photos are not kept: please send it again.
bot-again-done = This question has been answered anew: see below.
bot-unknown-command = I have no command { $command }. All commands: /help
bot-queue-full = You write faster than I answer. First I will answer { $waiting ->
        [one] the { $waiting } question of yours
       *[other] the { $waiting } questions of yours
    } that wait, and I skip the latest messages. Please send them again a little later.
bot-waiting = The model is busy right now, I am waiting for its answer…
bot-cut = [The answer was cut off: the connection to the model broke. To get the whole of it, ask again.]
bot-length = [The answer met the model's limit of length. Write "go on", and it will.]
bot-filtered = The model's provider stopped the answer by its filter. Try asking in another way.
bot-empty = The model gave an empty answer. Ask again, or in other words.
bot-too-long = The question is too long for this model. Please shorten it.
bot-busy = The model does not answer now: its provider is busy or away. Please send the question again in a few minutes.
bot-nobody = There is nobody to answer now: no model is at work. Please try later. Admins see the reason in "merlin status".
bot-not-tuned = [This was answered not by the tuned model but by { $model }: the one tuned on our examples is not available now.]
bot-never-tuned = [This was answered by the general model { $model }: there is none tuned on our examples yet.]
bot-earlier = [This was answered by an earlier version, { $model }: the present one is not available now.]
bot-failed = Something broke on my side, and there is no answer. The error is recorded. Please ask again.
bot-repeat = ↻ Repeated: this message may have come already.
notice-answer-gone = Provider { $provider } no longer knows the model { $model }. The bot answers along the chain. What to do: "merlin models list", then "merlin models rollback", or train it again.
notice-answer-spent = The account at provider { $provider } is empty: questions stay without an answer. Top it up or change the provider.
notice-answer-refused = Provider { $provider } refuses to answer ({ $reason }). Check key and address in config.yaml.
notice-answer-failing = The model { $model } of provider { $provider } did not answer three questions in a row ({ $reason }). Questions go to the next model of the chain; once a minute one question tries this one again. What to do: look at the provider; "merlin models rollback" lets an earlier model serve.
notice-unconfirmed = A message to chat { $chat } was left unconfirmed by Telegram twice. Nobody knows whether it arrived.
notice-conflict = Telegram says that another program uses this token. The bot waits and tries again. Stop the other program or switch its webhook off.
notice-untranslated = Event { $name }
bot-bad-token = Telegram does not know this token: check TELEGRAM_BOT_TOKEN.
bot-plan-closed = { $kind ->
        [voice] Voice messages are
        [photo] Photos are
        [document] Documents are
       *[text] Questions are
    } not part of your plan.
bot-plan-spent = { $kind ->
        [voice] Voice questions
        [photo] Questions on photos
        [document] Questions on documents
       *[text] Questions
    } { $period ->
        [day] for today
       *[month] for this month
    } are used up: your plan has { $limit }. More from { $until }. This one was not counted.
bot-menu-courses = Courses
