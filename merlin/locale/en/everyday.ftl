# Everyday commands: the beginning, help, what the bot is, language, time zone, plan.
moment-told = { $day } { $month } { $year }, { $time }
moment-day-brief = { $day } { $month }
moment-brief = { $day } { $month }, { $time }
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
bot-nothing-to-cancel = There is nothing to cancel: I am not waiting for anything.
bot-command-start = the beginning
bot-command-help = what the bot can do
bot-command-info = what this bot is, which models answer
bot-command-lang = language and time zone
bot-hello = Hello! I am Merlin: I answer questions about what I have been taught.
bot-start =
    { bot-hello }
    Just write your question.

    /help — what I can do
    /info — which model answers now
    /lang — язык, language
bot-start-course =
    Hi, I'm Merlin. I answer questions about “{ $course }”. Type a question or pick one.

    /course — other courses
    /help — what I can do
    /lang — язык, language
bot-help = Write a question as a plain message, and I will answer. I remember our conversation until you begin a new one. You may also ask by voice, with a photo or a document where that is switched on.
bot-help-end = If I do not know the answer, I say so.
help-talk = Conversations
help-answers = Who answers, and how
help-mine = Mine
help-bot = About the bot
help-staff = For those who keep the bot
bot-info-version = Merlin { $version }
bot-info-model =
    Dataset “{ $dataset }”: version { $build }
    Model: { $model }
    Trained: { $trained }. Answers since { $since }
bot-info-evaluation = Checked on { $questions ->
        [one] { $questions } question
       *[other] { $questions } questions
    }: likeness { $chrf } of 100, exact answers { $equal } %, “I do not know” { $unknown } %
bot-info-against = Compared with { $model }: { $by }
bot-info-not-evaluated = This version had no test questions.
bot-info-no-model = There is no trained model yet. { $general ->
        [yes] A general model answers.
       *[no] There is nobody to answer yet.
    }
bot-info-session = This conversation
bot-info-session-model = • { $name } answers
bot-info-session-dataset = • dataset “{ $name }”
bot-info-session-preset = • role: { $name }
bot-info-session-own = • as you have asked for: /system
bot-info-commands = All commands: /help
own-words-edit = ✏️ Texts of the bot
own-words-choose = Everybody sees these texts. Which one shall change?
own-words-ask = Send the new text “{ $name }” in one message of at most { $most } characters.
own-words-now = Now:
own-words-drop = Take this text away
own-words-kept = Done: everybody sees the text.
own-words-dropped = Done: the text is gone.
lang-name = English
lang-client = As in Telegram
lang-kept = I speak English now
lang-ask = Which language shall I answer in? Your time now: { $now }.
zone-choose = Time zone
zone-ask = Where do you live? It decides when a new day of your plan begins.
zone-type = Another one
zone-ask-name = Write a time zone such as Asia/Tbilisi.
zone-unknown = I do not know this zone. A name looks like this: Asia/Tbilisi or Europe/Belgrade.
zone-kept = Done: { $zone }. Your time now: { $now }.
zone-kaliningrad = Kaliningrad
zone-moscow = Moscow
zone-samara = Samara
zone-yekaterinburg = Yekaterinburg
zone-omsk = Omsk
zone-novosibirsk = Novosibirsk
zone-irkutsk = Irkutsk
zone-yakutsk = Yakutsk
zone-vladivostok = Vladivostok
zone-magadan = Magadan
zone-kamchatka = Kamchatka
