# The chat of a course.

page-chat-title = Questions: { $course }
page-back-to-course = Back to the course
page-in-telegram = In Telegram
page-ask-in-telegram = Ask in Telegram
page-answers-now = { $model } answers, since { $since }
page-talk = Talk
page-chat-empty = Ask about “{ $course }”
page-chat-empty-hint = A model trained on its examples answers. It says so when they do not hold the answer.
page-chat-sign-in = Sign in to ask
page-chat-sign-in-hint = So we know how many questions your plan has left. You will come back here.
page-question = Question
page-send = Send
page-stop = Stop
page-stopped = Stopped.
page-preparing = Preparing the answer
page-no-answer = No answer came: there is no connection. The question was not counted; ask again.
page-question-too-long = The question is longer than { $limit } characters. Shorten it.
page-left-questions =
    { $remaining ->
        [0] No questions left, new ones come { $until }.
        [one] { $remaining } question left, new ones come { $until }.
       *[other] { $remaining } questions left, new ones come { $until }.
    }
page-chat-nearest = Perhaps you meant:
page-tell = Tell the editors
page-tell-lead = The editors will see this, without your name.
page-tell-send = Send the question
page-tell-allow = I allow it, send the question
page-tell-back = Back to the chat
page-tell-sent = The question is sent
page-tell-sent-hint = Thank you! The editors will see it and can teach the model the answer.
