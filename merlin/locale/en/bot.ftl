# What the bot says.
bot-start =
    Hello! I am Merlin: I answer questions about what I have been taught.
    Just write your question.

    /help — what I can do
    /info — which model answers now
    /clear — start the talk anew
bot-help =
    Write a question as a plain message, and I will answer. I remember our talk until you start anew.

    { bot-commands }

    If I do not know the answer, I say so. Voice, photos and files are not switched on yet.
bot-commands =
    /start — the beginning
    /help — this help
    /info — version, model and when it was trained
    /clear — forget the talk and start anew
bot-command-start = the beginning
bot-command-help = what the bot can do
bot-command-info = which model answers
bot-command-clear = start the talk anew
bot-clear = Done: this is a new talk. I no longer take the earlier messages into account.
bot-unknown-command = I have no command { $command }. All commands: /help
bot-only-text = For now I understand text only: { $kind ->
        [voice] voice messages are not switched on yet
        [photo] photos are not switched on yet
        [document] files are not switched on yet
       *[other] messages of this kind are not switched on yet
    }. Put your question in words, and I will answer.
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
bot-nobody = There is nobody to answer now: no model serves questions. Try later; admins see the reason in "merlin status".
bot-not-tuned = [This was answered not by the tuned model but by { $model }: the one tuned on our examples is not available now.]
bot-never-tuned = [This was answered by the general model { $model }: there is none tuned on our examples yet.]
bot-earlier = [This was answered by an earlier version, { $model }: the present one is not available now.]
bot-failed = Something broke on my side, and there is no answer. The error is recorded. Please ask again.
bot-repeat = ↻ Repeated: this message may have come already.
bot-info-version = Merlin { $version }
bot-info-model =
    Dataset "{ $dataset }": version { $build }
    Model: { $model }
    Answers since { $since } (UTC)
bot-info-evaluation = Checked on { $questions ->
        [one] { $questions } question
       *[other] { $questions } questions
    }: likeness { $chrf } of 100, exact answers { $equal } %, "I do not know" { $unknown } %
bot-info-not-evaluated = This version had no test questions.
bot-info-no-model = There is no tuned model yet. { $general ->
        [yes] A general model answers questions.
       *[no] There is nobody to answer yet.
    }
notice-answer-gone = Provider { $provider } no longer knows the model { $model }. The bot answers along the chain. What to do: "merlin models list", then "merlin models rollback", or train it again.
notice-answer-spent = The account at provider { $provider } is empty: questions stay without an answer. Top it up or change the provider.
notice-answer-refused = Provider { $provider } refuses to answer ({ $reason }). Check key and address in config.yaml.
notice-unconfirmed = A message to chat { $chat } was left unconfirmed by Telegram twice. Nobody knows whether it arrived.
notice-conflict = Telegram says that another program uses this token. The bot waits and tries again. Stop the other program or switch its webhook off.
notice-untranslated = Event { $name }
bot-bad-token = Telegram does not know this token: check TELEGRAM_BOT_TOKEN.
