# What the bot says.
bot-renewed = [That conversation was full, so I started a new one. The old one is saved: /sessions]
bot-window-near = [This conversation fills { $share }% of the model's memory. Details: /t]
bot-window-full = [This conversation fills { $share }% of the model's memory. Choose what to do, or just write and a new one starts.]
bot-stop = ⏹ Stop
bot-stopping = Stopping
bot-stop-late = The answer is already there
bot-stopped = [Stopped as you asked.]
bot-button-plan = See plans
bot-button-new = New conversation
bot-button-bigger = Model with more memory
bot-button-old = This button no longer works.
bot-nearest = Did you mean:
bot-not-yours = This answer is for someone else or has been deleted.
bot-again-photo = I don't store photos: please send it again.
bot-again-done = I've answered this again. See below.
bot-offered-done = I've answered this question. See below.
bot-unknown-command = I don't know the command { $command }. All commands: /help
bot-queue-full = { $count ->
        [one] I can't keep up and skipped a message. Send it again once I've answered your earlier ones.
       *[other] I can't keep up and skipped { $count } messages. Send them again once I've answered your earlier ones.
    }
bot-waiting = The model is busy. I'm waiting for its answer…
bot-cut = [The answer was cut off: the connection to the model broke. To get all of it, ask again.]
bot-length = [The answer didn't fit. Write “continue” for the rest.]
bot-filtered = The model provider's filter blocked this answer. Try rephrasing.
bot-empty = The model gave an empty answer. Ask again or in other words.
bot-too-long = The question is too long for this model. Shorten it and send it again.
bot-busy = The model isn't responding: its provider is busy or unavailable. Please ask again in a few minutes.
bot-no-model = I can't answer right now: no model is available. Try again in a few minutes.
bot-not-tuned = [Answered by a backup model, { $model }: ours is unavailable right now.]
bot-never-tuned = [Answered by the general model { $model }: none is trained on our examples yet.]
bot-earlier = [Answered by the previous model, { $model }: the live one is unavailable right now.]
bot-not-chosen = [Answered by { $model }: the model chosen for this conversation is unavailable right now.]
bot-failed = Something broke on my side and is logged. Please ask again.
bot-repeat = ↻ Repeated: this message may have come already.
notice-answer-gone = Provider { $provider } no longer has the model { $model }. A backup model answers meanwhile. What to do: if it is a dataset's live model, go back to the previous one, or start its training again.
notice-answer-unapplied = Provider { $provider } answers without the trained weights of the model { $model } ({ $reason }). A backup model answers meanwhile.
notice-answer-spent = The account at provider { $provider } is empty, so questions stay unanswered. Top it up or change the provider.
notice-answer-refused = Provider { $provider } rejects our requests ({ $reason }). Check its key and address in config.yaml.
notice-answer-declined = Provider { $provider } didn't take a question for the model { $model } ({ $reason }). Its key is right. What to do: see what config.yaml asks of this provider, or choose another model.
notice-answer-failing = The model { $model } of provider { $provider } failed three questions in a row ({ $reason }). A backup model answers meanwhile. Once a minute we try this one again. What to do: check the provider, or go back to the previous model.
notice-unconfirmed = Telegram didn't confirm a message to chat { $chat } twice. It may not have arrived.
notice-blocks-refused = Telegram didn't take tables or formulas ({ $reason }). The message went out as plain text. What to do: update your own Bot API server, if you run one, and restart the bot. Otherwise report this to the person who looks after Merlin.
notice-conflict = Telegram reports that another program uses this token. The bot waits and tries again. Stop the other program or turn its webhook off.
notice-webhook-changed = Another program with this token changed the webhook, so messages no longer reach this bot. Stop that program, then restart the bot: it sets its address again.
notice-untranslated = Event { $name }
bot-bad-token = Telegram rejects this token: check TELEGRAM_BOT_TOKEN.
bot-plan-closed = { $kind ->
        [voice] Voice messages aren't
        [photo] Photos aren't
        [document] Documents aren't
       *[text] Questions aren't
    } part of your plan.
bot-plan-spent = { $kind ->
        [voice] Voice questions
        [photo] Questions about photos
        [document] Questions about documents
       *[text] Questions
    } { $period ->
        [day] for today
       *[month] for this month
    } are used up (your plan has { $limit }). More { $until }. This one isn't counted.
bot-menu-courses = Courses
