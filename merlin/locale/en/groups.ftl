# Groups, and "@bot question" in any chat.
bot-command-settings = settings of the group
groups-hello =
    Hello! I am Merlin and answer questions. To ask, mention { $bot } or reply to a message of mine.
    A question counts in the plan of whoever asks.
groups-how =
    To ask, mention { $bot }: "{ $bot } what is a forehead?" — or reply to a message of mine.
    /new begins a new conversation, /t shows tokens, /settings is for administrators.
    A question counts in the plan of whoever asks.
groups-nobody = I answer people: a question counts in the plan of whoever asks. Please write in your own name.
groups-private = { $command } is about you, so it works in our private chat only.
groups-private-button = This works only in the private chat with me.
groups-leaders-only = Only administrators of the group may do that.
groups-new = A new conversation begins: I no longer remember what was said before.
groups-renewed = [The earlier conversation filled the model's window, so a new one is open: I do not remember what was said before.]
groups-sum-tail = A new conversation is open that remembers this. Just go on.
groups-button-private = Open the private chat
groups-button-settings = ⚙️ Settings
groups-settings-private = Groups have settings: add me to a group and write /settings there. Your language: /lang
groups-settings = ⚙️ Settings of Merlin in this group
groups-hears = I answer: { $hears ->
        [mention] when I am mentioned
        [question] mentions, replies to me and all that ends with "?"
       *[reply] mentions and replies to me
    }
groups-about = About: { $dataset ->
        [none] the usual
       *[other] { $dataset }
    }
groups-speaks = Language: { $spoken ->
        [none] of whoever asks
        [ru] Russian
       *[en] English
    }
groups-renews = The conversation may be begun anew by: { $who ->
        [leaders] administrators
       *[all] everybody
    }
groups-deaf =
    Telegram does not show me all messages now. For me to see questions without a mention, make me an
    administrator of the group — or let the bot's owner write to @BotFather: /setprivacy → Disable — and add me again.
groups-hears-mention = Mentions only
groups-hears-reply = Mentions and replies
groups-hears-question = And all that ends with "?"
groups-speaks-asker = As asked
groups-renews-all = Anew: everybody
groups-renews-leaders = Anew: admins
groups-button-datasets = 📚 What to answer about
groups-ask-dataset = What shall I answer about in this group?
groups-about-default = The usual
groups-kept = Kept
inline-hint = Type a question, and I look for its answer
inline-ask = Ask Merlin
inline-button-ask = Get the answer from Merlin
inline-asked = [The question: { $question }]
inline-gone = This question is not kept any more. Please write it to me here.
