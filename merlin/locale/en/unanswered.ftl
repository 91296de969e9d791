unanswered-not-found = This question is no longer in the list. Open the list again.
tell-too-many = You've sent the editors many questions this week. Try again in a few days.
tell-button = ✉️ Tell the editors
tell-preview =
    The editors will see this, without your name:

    { $question }
tell-send = Send the question
tell-sent = Thank you! The editors will see the question and can teach me the answer.
tell-no-consent = Without your consent I don't show questions to editors. You can change your mind at any time.
tell-no-editors = This answer has no editors: a general model gave it.
