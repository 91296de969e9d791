# Groups.
bot-command-settings = settings of the group
groups-hello = Hi, I'm Merlin. I answer questions. To ask, mention { $bot } or reply to one of my messages.
    Questions count towards the plan of the person who asks.
groups-how = To ask, mention { $bot }: “{ $bot } what is a graph?” — or reply to one of my messages.
    /new starts a new conversation, /t shows its memory, /settings is for admins.
    Questions count towards the plan of the person who asks.
groups-not-a-person = I answer people: questions count towards the plan of the person who asks. Please write from your own account.
groups-private = { $command } works only in our private chat, as it's about you.
groups-private-button = This works only in the private chat with me.
groups-leaders-only = Only admins of the group can do that.
groups-admins-unknown = Only admins of the group can do that, and Telegram didn't tell me who they are. Please try again in a minute.
groups-new = New conversation started: I no longer remember what was said before.
groups-renewed = [That conversation was full, so I started a new one: I no longer remember what was said before.]
groups-button-private = Open the private chat
groups-button-settings = ⚙️ Settings
groups-settings-private = Groups have settings: add me to a group and write /settings there. Your language: /lang
groups-settings = ⚙️ Settings of Merlin in this group
groups-hears = I answer: { $hears ->
        [mention] when I'm mentioned
       *[reply] mentions and replies to me
    }
groups-about = I answer about: { $dataset ->
        [none] everything
       *[other] { $dataset }
    }
groups-speaks = Language: { $spoken ->
        [none] that of the person who asks
        [ru] Russian
       *[en] English
    }
groups-renews = Who can start a new conversation: { $who ->
        [leaders] admins
       *[all] everyone
    }
groups-hears-mention = Mentions only
groups-hears-reply = Mentions and replies
groups-speaks-asker = As the person who asks
groups-renews-all = New conversation: everyone
groups-renews-leaders = New conversation: admins
groups-button-datasets = 📚 What to answer about
groups-ask-dataset = What should I answer about in this group?
groups-saved = Saved
