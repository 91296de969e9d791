# Conversations: list, card, file, deletion.
bot-command-sessions = my conversations
bot-command-new = a new conversation
bot-command-clear = delete this conversation
sessions-none = No conversations yet. Ask a question, and the first one appears here.
sessions-list = { $count ->
        [one] You have { $count } conversation
       *[other] You have { $count } conversations
    }{ $pages ->
        [1] .
       *[other] , page { $page } of { $pages }.
    } ▸ marks the current one. Tap one to open, save or delete it.
session-card = “{ $title }”
session-last = Last question: { $at }
session-turns = { $turns ->
        [one] { $turns } question and answer
       *[other] { $turns } questions and answers
    }
session-open-now = This conversation is open now.
session-open = Open
session-delete = 🗑 Delete
session-all = All conversations
session-opened = “{ $title }” is open. Just keep writing.
session-open-question = You stopped at this question: { $question }
session-delete-ask = Delete “{ $title }”? This can't be undone.
session-delete-sure = Yes, delete
session-deleted = “{ $title }” is deleted.
session-not-found = Conversation not found: it may have been deleted. All conversations: /sessions
bot-new = New conversation started. The previous one is saved: /sessions
bot-new-first = New conversation started. Just write!
bot-clear = Conversation deleted. A new one is open.
bot-new-leaves = Another company answers here, so these didn't carry over: { $choices }. Choose them again if you need them.
bot-new-keeps = Still in use: { $choices }.
chosen-course = the course “{ $name }” (/course)
chosen-model = the model { $name } (/model)
chosen-preset = the preset “{ $name }” (/preset)
chosen-system = your own instructions (/system)
