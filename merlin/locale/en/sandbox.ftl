# The stand-in of a model: each answer says that it is one.
stand-in-answer = I am a stand-in model and do not think: a real one will take my place. You asked: "{ $question }".
stand-in-summary = { $summary }

    (A stand-in model: these are the text's leading sentences.)
stand-in-translation = [not translated, the source text] { $source }

    (A stand-in model: it does not translate.)
stand-in-image = I am a stand-in model and see no images. I was sent (kind, bytes): { $images }. The question: "{ $question }".
stand-in-taught = { $answer }

    (A stand-in model: the answer is from the training file.)
stand-in-no-words = A stand-in model cannot hear: no words are kept in this recording.

# The chat page. The page itself gets the texts that begin with chat-page-.
chat-page-title = Chat · Merlin
chat-page-stand = stand-in
chat-page-stand-about = A Telegram for practice on this machine: the people are made up, the bot is real.
chat-page-who = Who writes
chat-page-anna = Anna, student
chat-page-vera = Vera, admin
chat-page-anna-log = Chat of Anna, student
chat-page-vera-log = Chat of Vera, admin
chat-page-new = new
chat-page-message = Message
chat-page-send = Send
chat-page-attach = Attach a file
chat-page-voice = Send the sample voice
chat-page-dark = Switch to the dark theme
chat-page-light = Switch to the light theme
chat-page-language = По-русски
chat-page-no-script = This page needs JavaScript: without it no message can be sent or seen. Switch it on and open the page again.
chat-page-skip = To the message field
chat-page-empty-title = Your chat with the bot will be here
chat-page-empty-text = Press Start or ask a question.
chat-page-start = Start
chat-page-today = today
chat-page-edited = edited
chat-page-thinking = Preparing an answer
chat-page-typing = The bot is typing
chat-page-photo = Photo
chat-page-play = Play
chat-page-pause = Pause
chat-page-voice-message = voice message
chat-page-file = File
chat-page-paid = Paid with Stars
chat-page-code = Code
chat-page-copied = Copied.
chat-page-sending = Sending…
chat-page-failed = Not sent: the stand-in does not answer.
chat-page-refused = Not sent:
chat-page-retry = Retry
chat-page-offline = The connection to the stand-in broke. Trying again.
chat-page-other-message = This kind of message cannot be shown here.
chat-page-way = A commit's way
chat-page-way-none-title = No pipeline connected
chat-page-way-none = The stand-in runs without the daemon, so no commit's way is shown here.
chat-page-way-wait-title = No commits yet
chat-page-way-wait = The way will appear after the first commit.
chat-page-way-lost-title = The pipeline does not answer
chat-page-way-lost = There is nothing to show. The page asks again every second.
chat-page-step-committed = Committed
chat-page-step-checked = Checked
chat-page-step-built = Built
chat-page-step-training = Training
chat-page-step-proved = Proving the answers
chat-page-step-serving = Answers people
chat-page-state-done = done
chat-page-state-now = running
chat-page-state-waiting = waiting
chat-page-state-failed = failed
chat-page-state-flawed = done, with errors
chat-page-state-held = held
chat-page-progress = Training
chat-page-serving = Answers now
chat-page-serving-none = Nobody yet: there is no tuned model so far.
chat-page-serving-since = since
chat-page-verdict-held = held
chat-page-verdict-built = built
chat-page-verdict-training = training
chat-page-verdict-serving = serving
chat-page-verdict-failed = failed
chat-page-verdict-superseded = superseded
chat-page-verdict-unchanged = unchanged
chat-page-verdict-rejected = rejected
chat-page-verdict-removed = removed
