# Examples in the bot: the dialog that becomes a commit.
bot-command-examples = examples of the datasets
examples-which = Which dataset?
examples-count = { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
examples-no-findings = No problems found.
examples-problems = 🔎 Problems
examples-add = ➕ Add
examples-forward = ↪️ From a chat
examples-find = 🔍 Search
examples-list = 📄 List
examples-import = 📥 From a file
examples-queue = 💬 Corrections ({ $count })
examples-changes-count = ⏳ Edits ({ $count })
examples-changes = ⏳ Edits
examples-to-dataset = To the dataset
examples-ask-question = Send the question as a person would ask it.

    Several examples at once: forward a chat or paste a table of questions and answers.
examples-ask-answer = Now send the answer as it should be.
examples-turn = ➕ Another question
examples-ask-wording = Send the same question in other words. It becomes a test question: the model is checked with it.
examples-wording = 💬 In other words
examples-wording-is = 🧪 { $words }
examples-wording-same = Those are the same words. Ask it differently.
examples-tests = 🧪 Test questions: { $questions } of { $least }. Add the same question in other words to this example.
examples-for-test = 🧪 For testing
examples-no-test = ✓ 🧪 For testing
examples-as-one = One example
examples-as-many = Separate examples ({ $count })
examples-no-tags = Remove all tags
examples-press-button = This message isn't part of the example. To change it, tap a button below.
examples-edited = The edit of your message isn't part of the example. Change the example with the buttons below it, or its last message with “‹ Back”.
examples-aside = The example you were writing isn't saved: it is set aside.{ $earlier ->
        [some] {" "}The one set aside before is deleted.
       *[none] {""}
    }
examples-aside-continue = ✏️ Continue the example
examples-cancelled = OK, the draft is deleted. The dataset hasn't changed.
examples-send-text = Send text, or one text file in UTF-8. Anything you wrote earlier is safe.
examples-too-long = That's too long for an example: up to { NUMBER($most) } characters. Anything you wrote earlier is safe.
examples-many-turns = One example has up to { $most } messages. Save this one and start another.
examples-preview-new = New example · { $dataset }
examples-preview-edit = Edit example · { $dataset }
examples-preview-delete = Delete the example? · { $dataset }
examples-preview-conflict = Your version instead of theirs · { $dataset }
examples-preview-proposal = Correction · { $dataset }
examples-no-errors = ✅ No errors: you can save it.
examples-has-errors = ⛔ It can't be saved while there are errors.
examples-nothing-changed = Nothing changed yet.
examples-more = and { $count } more
examples-save = 💾 Save
examples-approve = ✅ Accept
examples-delete = 🗑 Yes, delete
examples-delete-ask = 🗑 Delete
examples-edit-question = ✏️ Question
examples-edit-answer = ✏️ Answer
examples-edit-tags = 🏷 Tags
examples-edit-whole = 📝 Whole file
examples-as-file = 📎 Show the whole file
examples-reword-question = New question
examples-reword-answer = New answer
examples-reword-tags = New tags
examples-reword-whole = New text of the file
examples-reword-hint-q = The current text is above, ready to copy. Send the new question.
examples-reword-hint-a = The current text is above, ready to copy. Send the new answer.
examples-reword-hint-t = Send tags separated by commas or spaces; a tag itself has no spaces.
examples-reword-hint-y = The current file is above, ready to copy. Send all of it: as a message or a .yaml file.
examples-broken = This file can't be read, so its question, answer and tags can't be changed one by one. Fix the whole file.
examples-saved-title = Saving
examples-saved = I'll tell you when the edit is saved.
examples-saved-late = The edit waits: the service that saves edits and trains isn't running. It isn't lost; I'll tell you when it's saved.
examples-no-draft = This edit is no longer open. Please start it again.
examples-not-found = Example not found: it may have been removed. To find another one, send /examples
examples-decided = This correction has already been reviewed.
examples-list-hint = Tap an example to open it.
examples-none = No examples yet.
examples-ask-find = Which words should I look for in “{ $dataset }”? I'll find examples that have all of them; parts of words work too.
examples-found = Found for “{ $words }”. To search again, send other words.
examples-found-none = Nothing found for “{ $words }”. Send other words.
examples-no-text = (not a text)
examples-versions = Builds with this example: { $versions }. File version: { $blob }
examples-no-version = No build has this example yet.
examples-history-line = { $at } — { $author }: { $subject } ({ $commit })
examples-history-hint = Newest first. Older changes are in git log.
examples-history-none = The commit with this example is still being processed. Look again a little later.
examples-model-answer = The model answered: { $words }
examples-drafted = Drafted by { $teacher } for { $price }.
examples-queue-hint = Proposed by people, with personal details hidden, or drafted by a stronger model. Tap one to decide.
examples-queue-empty = No new corrections.
examples-several = ☑️ Several at once
examples-several-title = Approve or decline { $count ->
        [one] { $count } proposal
       *[other] { $count } proposals
    } together?
examples-approve-all = ✅ Accept all of these
examples-decline-all = ❌ Decline all of these
examples-approved-all = Accepted: { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }. { $left ->
        [0] I'll let you know about the commit.
        [one] { $left } has errors and still waits.
       *[other] { $left } have errors and still wait.
    }
examples-declined-all = Declined { $count ->
        [one] { $count } proposal
       *[other] { $count } proposals
    }. Their text is deleted.
examples-decline = ❌ Decline
examples-decline-bare = Decline without a reason
examples-ask-reason = Why is “{ $question }” declined? Send the reason in one sentence: the person who suggested it will read it. Without a reason I won't write to them.
examples-reason-long = Please make it shorter: up to { $most } characters.
examples-declined = Declined and deleted.
examples-declined-notified = Declined and deleted. The person who suggested it gets your reason.
examples-not-accepted = Thanks for suggesting an answer to “{ $question }”. An editor didn't accept it: { $reason }
examples-changes-hint = Newest first.
examples-changes-none = You haven't made any edits yet.
examples-state-waiting = Saving.
examples-state-working = Saving right now.
examples-state-committed = Saved (commit { $commit }).
examples-state-conflict = Not saved: another edit changed the file meanwhile. Your edit is safe.
examples-state-refused = Not saved.
examples-state-parked = On hold: the repository rejected it. Your edit is safe.
examples-conflict-file = File: { $path }
examples-mine-is = Your version:
examples-theirs-is = Their version:
examples-no-file = (no file)
examples-mine = Keep mine
examples-theirs = Keep theirs
examples-mend = ✏️ Edit both into one
examples-theirs-stays = Keeping their version.
examples-take-back = Withdraw edit
examples-ask-take-back = { $subject }. Withdraw this edit? Its text will be deleted.
examples-retry = 🔁 Try again
examples-undo = ↩️ Undo edit
examples-ask-undo = { $subject }. Undo this edit? This changes { $count ->
        [one] { $count } file
       *[other] { $count } files
    } in one new commit.
examples-undone-title = Undoing the edit
examples-ask-forward = Forward the messages of a chat to me, all at once if you like. Then we'll mark which are questions and which are answers.
examples-send-forwarded = Forward messages with text. What you've sent so far is safe.
examples-forward-full = One example holds up to { $most } messages. What you've sent so far is safe.
examples-forward-none = Nothing selected yet.
examples-pick-hint = Who said what? Tap a message to change its mark: 👤 question, 🤖 answer, ▫️ leave out. Messages in a row from one side are joined. You can forward more.
examples-import-title = New examples · { $dataset }
examples-ask-file = Send a CSV or XLSX file (columns question, answer and, optionally, tags; Russian names work too) or conversations as JSON (OpenAI, ShareGPT, Alpaca; one per line or a list), up to { $megabytes } MB. I'll show what's new in it first.
examples-send-file = Send one CSV, XLSX or JSON file, or paste a table as a message.
examples-import-counts = Received: { $lines }. New: { $taken }, already known: { $duplicates }, with errors: { $rejected }.
examples-import-line = Line { $line }: { $words }
examples-import-nothing = There is nothing new to save.
examples-save-many = 💾 Save { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
examples-line = line { $line }
