# Groups.
groups-hello = Hi, I'm Merlin. I answer questions. To ask, mention { $bot } or reply to one of my messages.
    Questions count towards the plan of the person who asks.
groups-how = To ask, mention { $bot }: “{ $bot } { $question }” — or reply to one of my messages.
    /new starts a new conversation, /course chooses what it is about, /t shows its memory.
    Questions count towards the plan of the person who asks.
groups-example = what is a graph?
groups-not-a-person = I answer people: questions count towards the plan of the person who asks. Please write from your own account.
groups-private = { $command } works only in our private chat, as it's about you.
groups-private-button = This works only in the private chat with me.
groups-moved = This group became a supergroup: the answer is there.
groups-new = New conversation started: I no longer remember what was said before.
groups-renewed = [That conversation was full, so I started a new one: I no longer remember what was said before.]
groups-button-private = Open the private chat
