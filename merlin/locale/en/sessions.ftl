# Conversations: list, card, name, file, deletion.
bot-command-sessions = my conversations
bot-command-new = a new conversation
bot-command-clear = delete this conversation
sessions-none = There are no conversations yet. Ask a question, and the first one appears here.
sessions-list = { $count ->
        [one] You have { $count } conversation
       *[other] You have { $count } conversations
    }{ $pages ->
        [1] .
       *[other] , page { $page } of { $pages }.
    } The open one is marked ▸. Press one to open, rename, save or delete it.
session-untitled = Untitled
session-card = “{ $title }”
session-last = Last question: { $at }
session-turns = { $turns ->
        [one] { $turns } question with its answer
       *[other] { $turns } questions with answers
    }
session-open-now = This conversation is open now.
session-open = Open
session-rename = ✏️ Rename
session-delete = 🗑 Delete
session-keep = Keep it
session-as-text = 📄 Save as text
session-as-json = Save as JSON
session-all = All conversations
session-opened = “{ $title }” is open. Just write on.
session-asked = You stopped at this question: { $question }
session-ask-name = What shall “{ $title }” be called? Write the new name.
session-ask-delete = Delete “{ $title }” with all its questions and answers? It cannot be brought back.
session-deleted = “{ $title }” is deleted.
session-not-yours = You have no such conversation: perhaps it is deleted already.
session-you = You
bot-new = A new conversation begins. The earlier one is in /sessions.
bot-new-first = A new conversation is open. Just write!
bot-clear-ask = Delete this conversation? This can't be undone.
bot-clear-sure = Yes, delete it
bot-clear = Done: this conversation is deleted, a new one begins.
bot-new-keeps = As before: { $choices }.
chosen-course = the course “{ $name }” (/course)
chosen-model = the model { $name } (/model)
chosen-preset = the preset “{ $name }” (/preset)
chosen-system = your own instructions (/system)
session-new-topic = New conversation
session-topic-begun = This is a new conversation: write right here. After the first answer I will give it a name.
session-topic-made = A new conversation is open in a topic of its own.
sessions-most = Your plan keeps { $most ->
        [one] { $most } conversation
       *[other] { $most } conversations
    }. To begin a new one, { $over ->
        [one] the oldest has to go
       *[other] the { $over } oldest have to go
    }:
session-oldest = • “{ $title }”, { $at }
session-further = • and { $more } more
session-new-instead = Delete and begin a new one
