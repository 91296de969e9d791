# Everyday commands: the beginning, help, what the bot is, language, time zone, plan.
moment-told = { $day } { $month } { $year }, { $time }
price-told = { $en }
price-free = free
price-about = about { $cost }
price-little = less than { $cost }
moment-in-zone = { $moment } ({ $zone })
moment-day = { $day } { $month } { $year }
moment-day-brief = { $day } { $month }
moment-brief = { $day } { $month }, { $time }
duration-days = { $count } d
duration-hours = { $count } h
duration-minutes = { $count } min
duration-seconds = { $count } s
moment-month = { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    }
moment-month-brief = { $month ->
        [1] Jan
        [2] Feb
        [3] Mar
        [4] Apr
        [5] May
        [6] Jun
        [7] Jul
        [8] Aug
        [9] Sep
        [10] Oct
        [11] Nov
       *[12] Dec
    }
button-cancel = Cancel
button-back = ‹ Back
bot-cancelled = All right, cancelled.
bot-form-left = You opened something else, so what you had written wasn't sent or saved.
bot-cancel-late = This question is already closed, so there's nothing to cancel in it. To cancel what you started later, send /cancel
bot-nothing-to-cancel = Nothing to cancel. A message with buttons does nothing until you tap one.
bot-command-start = start the bot
bot-command-help = what the bot can do
bot-command-info = about the bot and its models
bot-command-lang = language and time zone
bot-hello = Hi, I'm Merlin, a program and not a person: a model trained on examples of answers. Ask about what I've learnt.
bot-signs = Under an answer: 👍 👎 rate it, ℹ️ show its source, ✏️ correct it.
# Telegram shows it in an empty chat, and the short one on the bot's page: 512 and 120 characters at most.
bot-description = You talk to a program, not a person. A model trained on a course's answers replies. It can be wrong: ℹ️ under an answer shows its source.
bot-short-description = A program, not a person: a model trained on a course's answers.
bot-start =
    { bot-hello }
    Just write your question.

    { bot-signs }

    /help — what I can do
    /info — which model answers now
    /lang — язык, language
bot-start-course =
    Hi, I'm Merlin, a program and not a person: a model trained on the answers of “{ $course }”. Type a question or pick one.

    { bot-signs }

    /course — other courses
    /help — what I can do
    /lang — язык, language
bot-help = Just write your question. Voice, photos and documents work too, where they're turned on.
bot-help-end = If I don't know, I say so. { bot-signs }
help-more = All commands
bot-info-version = Merlin { $version }
bot-info-model =
    Dataset “{ $dataset }”: build { $build }
    Trained { $trained } · live since { $since }
bot-info-more = … and { $count ->
        [one] { $count } more dataset with a model of its own
       *[other] { $count } more datasets with models of their own
    }
bot-info-evaluation = Test: { $right } of { $questions ->
        [one] { $questions } question
       *[other] { $questions } questions
    } right; similarity to the reference { $chrf } out of 100
bot-info-not-evaluated = This model had no test questions.
bot-info-no-model = No trained model yet. { $general ->
        [yes] A general model answers.
       *[no] I can't answer right now: no model is available. Try again in a few minutes.
    }
bot-info-session = This conversation
bot-info-session-model = • { $name } answers
bot-info-session-dataset = • dataset “{ $name }”
bot-info-session-preset = • preset: { $name }
bot-info-session-own = • your own instructions: /system
bot-info-commands = All commands: /help
bot-file-dropped = The file wasn't saved: only text can be used here.
lang-name = English
lang-client = As in Telegram
lang-saved = I speak English now
lang-ask = Which language should I answer in? Your time now: { $now }.
zone-choose = Time zone
plain-choose = Plain messages
plain-on = Plain messages: every version of Telegram shows them. You see an answer grow in its message.
plain-off = Messages as your Telegram can show them
zone-ask = Write your time zone, for example Europe/Moscow or Asia/Vladivostok. Daily questions reset at midnight there.
zone-unknown = I don't know this time zone. Try, for example, Asia/Tbilisi or Europe/Belgrade.
zone-saved = Time zone saved: { $zone }. Your time now: { $now }.
