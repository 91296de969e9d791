# The chat of a course.

page-chat-title = Questions: { $course }
page-back-to-course = Back to the course
page-in-telegram = In Telegram
page-answers-now = { $model } answers
page-answered-earlier = { $old } answered, { $new } is live now
page-session = Chat
page-sessions = Conversations
page-new-session = New conversation
page-session-untitled = Untitled
page-session-questions =
    { $count ->
        [one] { $count } question
       *[other] { $count } questions
    }
page-session-delete = Delete
page-session-delete-ask = Delete this conversation? This can't be undone.
page-session-delete-sure = Yes, delete
page-chat-empty = What would you like to ask?
page-chat-empty-hint = You talk to a program, not a person: a model trained on the course's examples. It won't invent what isn't in them. It offers something close instead.
page-chat-empty-general = You talk to a program, not a person. This course has no model of its own yet, so a general model answers. It hasn't learnt the course's examples.
page-starters-from = Questions come from the course's examples.
page-chat-sign-in = Sign in to ask
page-chat-sign-in-hint = So we know how many questions your plan has left. You'll come back here.
page-question = Question
page-send = Send
page-stop = Stop
page-stopped = Stopped.
page-in-full = Answer in full
page-in-full-counted = Answer in full: one more question
page-preparing = Preparing the answer
page-no-answer = No answer came: there's no connection. Your question isn't lost. Ask it again.
page-no-answer-came = No answer came. Ask again.
page-question-empty = There's nothing to read in the question. Write it in words.
page-question-too-long = The question is longer than { $limit } characters. Shorten it.
page-left-questions =
    { $remaining ->
        [0] No questions left, resets { $until }.
        [one] { $remaining } question left, resets { $until }.
       *[other] { $remaining } questions left, resets { $until }.
    }
page-chat-nearest = Did you mean:
page-source =
    { $count ->
        [one] Source: example
       *[other] Source: examples
    }
page-source-near =
    { $count ->
        [one] Similar example:
       *[other] Similar examples:
    }
page-source-quoted = “{ $question }”
page-source-show = Source
page-more-in-course = More in the course:
page-answer-acts = What to do with the answer
page-rate-up = Right
page-rate-down = Wrong
page-correct = Correct
page-ask-again = Try again
page-better-answer = What the answer should be
page-correction-waiting = Your correction is waiting for an editor.
page-correction-approved = Your correction was accepted.
page-correction-committed = { page-correction-approved }
page-correction-declined = The editor declined your correction.
page-tell = Tell the editors
page-tell-none = None of these
page-tell-lead = The editors will see this, without your name:
page-tell-send = Send to the editors
page-tell-allow = Allow
page-tell-sent-hint = Thank you! The editors will see the question and can teach the model the answer.
page-cancel = Cancel
