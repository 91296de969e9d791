tell-button = ✉️ Tell the editors
tell-none = ✉️ None of these
tell-sent = Thank you! The editors will see the question and can teach me the answer.
tell-no-consent = Without your consent I don't show questions to editors. You can change your mind at any time.
tell-no-editors = This answer has no editors: a general model gave it.
meant-else = Or one of these:
meant-yes = Yes, that's it
meant-more = More questions
