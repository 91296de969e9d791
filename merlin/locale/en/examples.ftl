# Examples in the bot: the dialog that becomes a commit.
bot-command-examples = examples of the datasets
examples-which = Which dataset?
examples-count = { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
examples-add = ➕ Add
examples-page = 🖥 All examples: the page
examples-change = 🖥 Open the edit
examples-find = 🔍 Search
examples-list = 📄 List
examples-queue = 💬 Corrections ({ $count })
examples-to-dataset = To the dataset
examples-ask-question = Send the question as a person would ask it.
examples-ask-answer = Now send the answer as it should be.
examples-no-tags = Remove all tags
examples-press-button = This message isn't part of the example. To change it, tap a button below.
examples-send-text = Send text. Anything you wrote earlier is safe.
examples-unread = I couldn't read part of it: { $parts }. Send the text without it. Anything you wrote earlier is safe.
examples-too-long = That's too long for an example: up to { NUMBER($most) } characters. Anything you wrote earlier is safe.
examples-preview-new = New example · { $dataset }
examples-preview-edit = Edit example · { $dataset }
examples-preview-delete = Delete the example? · { $dataset }
examples-preview-proposal = Correction · { $dataset }
examples-no-errors = ✅ No errors: you can save it.
examples-has-errors = ⛔ It can't be saved while there are errors.
examples-nothing-changed = Nothing changed yet.
examples-more = and { $count } more
examples-save = 💾 Save
examples-near-ask = ❓ { $count ->
    [one] This example has another answer. Does it ask the same?
   *[other] These examples have other answers. Does one of them ask the same?
  }
examples-approve = ✅ Accept
examples-delete = 🗑 Yes, delete
examples-delete-ask = 🗑 Delete
examples-edit-question = ✏️ Question
examples-edit-answer = ✏️ Answer
examples-edit-tags = 🏷 Tags
examples-reword-question = New question
examples-reword-answer = New answer
examples-reword-tags = New tags
examples-reword-hint-q = The current text is above, ready to copy. Send the new question.
examples-reword-hint-a = The current text is above, ready to copy. Send the new answer.
examples-reword-hint-t = Send tags separated by commas. Without commas, spaces separate them.
examples-broken = This file can't be read, so its question, answer and tags can't be changed here. Fix the file in git.
examples-saved-title = Saving
examples-saved = I'll tell you when the edit is saved.
examples-saved-late = The edit waits: the service that saves edits and trains isn't running. It isn't lost. I'll tell you when it's saved.
examples-no-draft = This edit is no longer open. Please start it again.
examples-not-found = Example not found: it may have been removed. To find another one, send /examples
examples-decided = This correction has already been reviewed.
examples-list-hint = Tap an example to open it.
examples-none = No examples yet.
examples-ask-find = Which words should I look for in “{ $dataset }”? I'll find examples that have all of them. Parts of words work too.
examples-found = Found for “{ $words }”. To search again, send other words.
examples-found-none = Nothing found for “{ $words }”. Send other words.
examples-no-text = (not a text)
examples-drafted = Drafted by { $teacher }.
examples-queue-hint = Proposed by people, with personal details hidden, or drafted by a stronger model. Tap one to decide.
examples-queue-empty = No new corrections.
examples-decline = ❌ Decline
examples-ask-decline = Decline “{ $question }” and delete it?
examples-declined = Declined and deleted.
