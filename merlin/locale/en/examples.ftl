# Examples in the bot: the dialog that becomes a commit.
bot-command-examples = examples of the datasets
examples-which = Which dataset?
examples-count = { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
examples-no-findings = The check has nothing to say against it.
examples-findings = Findings: errors { $errors }, warnings { $warnings }.
examples-flaws = 🔎 Findings
examples-add = ➕ Add
examples-forward = ↪️ From a chat
examples-find = 🔍 Search
examples-list = 📄 List
examples-import = 📥 From a file
examples-queue = 💬 Corrections ({ $count })
examples-changes-count = ⏳ Changes ({ $count })
examples-changes = ⏳ Changes
examples-to-dataset = To the dataset
examples-to-list = 📄 List
examples-ask-question = Send the question as a person would ask it. A long text may come as a .txt file.
examples-ask-answer = Now send the answer as it should be.
examples-ask-more = Does this conversation go on?
examples-turn = ➕ Another question
examples-done = Done ›
examples-ask-tags = Send tags with commas between them, so that the example is easier to find. Or skip.
examples-tags-now = Now: { $tags }
examples-ask-wording = 🧪 Test questions: { $questions } of { $least }. How would a student ask the same? Send it in their words: it becomes a test question.
examples-skip = Skip ›
examples-no-tags = Take all tags away
examples-press-button = A button is what I wait for now. All that you wrote is safe.
examples-words-wanted = I wait for words: as text, or as a text file in UTF-8. All that you wrote before is safe.
examples-too-long = That is too long for an example: up to { NUMBER($most) } characters. All that you wrote before is safe.
examples-many-turns = One example has no more than { $most } turns. Save this one and begin another.
examples-proof-new = New example · { $dataset }
examples-proof-edit = Edit of an example · { $dataset }
examples-proof-delete = Delete the example? · { $dataset }
examples-proof-conflict = Your text over theirs · { $dataset }
examples-proof-proposal = Somebody's correction · { $dataset }
examples-is-fine = ✅ It can be saved: it becomes a commit in your name.
examples-has-errors = ⛔ It cannot be saved as long as there are errors.
examples-nothing-changed = Nothing is changed yet.
examples-more = and { $count } more
examples-save = 💾 Save
examples-approve = ✅ Approve
examples-delete = 🗑 Yes, delete
examples-delete-ask = 🗑 Delete
examples-edit-question = ✏️ Question
examples-edit-answer = ✏️ Answer
examples-edit-tags = 🏷 Tags
examples-edit-whole = 📝 Whole file
examples-as-file = 📎 Show all of it
examples-reword-question = New question
examples-reword-answer = New answer
examples-reword-tags = New tags
examples-reword-whole = New text of the file
examples-reword-hint-q = Above is how it stands now, to be copied. Send the new question.
examples-reword-hint-a = Above is how it stands now, to be copied. Send the new answer.
examples-reword-hint-t = Send tags with commas between them.
examples-reword-hint-y = Above is the file as it stands now, to be copied. Send all of it: as a message or as a .yaml file.
examples-broken = This file cannot be read, so its question, answer and tags cannot be changed one by one. Mend the file as a whole.
examples-saved-title = Saving
examples-saved = Your edit is stored and becomes a commit now. What comes of it, I will write here.
examples-saved-late = Your edit is stored, but the daemon does not run now. It becomes a commit when it starts; what comes of it, I will write here.
examples-no-draft = This edit is not open any more. Begin it again.
examples-gone = There is no such example any more.
examples-decided = This correction has been decided on already.
examples-list-words = Press an example to open it.
examples-none = There are no examples yet.
examples-ask-find = Which words shall I look for in the examples of { $dataset }? Those are found that say all of them; a part of a word will do.
examples-found = Found by the words “{ $words }”. To search on, send other words.
examples-found-none = Nothing is found by the words “{ $words }”. Send other words.
examples-no-text = (this is no text)
examples-taught = In builds: { $first } … { $last }. Version of the file: { $blob }
examples-untaught = No build has this example yet.
examples-history = 🕘 History
examples-history-line = { $at } — { $author }: { $subject } ({ $commit })
examples-history-words = The newest is on top. What was before Merlin began to read the repository, git log knows.
examples-history-none = The commit with this example is not worked off yet. Look again a little later.
examples-model-said = The model answered: { $words }
examples-drafted = Drafted by { $teacher } for { $price }.
examples-queue-words = Proposed by people, with personal details hidden, or drafted by a stronger model. Tap one to decide.
examples-queue-empty = There are no new corrections.
examples-several = ☑️ Several at once
examples-several-title = Approve or decline { $count ->
        [one] { $count } proposal
       *[other] { $count } proposals
    } together?
examples-approve-all = ✅ Approve all of these
examples-decline-all = ❌ Decline all of these
examples-approved-all = Approved: { $count ->
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
examples-ask-reason = Why is “{ $question }” declined? Send the reason in one sentence, whoever proposed it will read it. Without a reason nothing is written to them.
examples-reason-long = Shorter, please: up to { $most } characters.
examples-declined = Declined. The words are forgotten.
examples-declined-told = Declined. The words are forgotten, and whoever proposed them will read the reason.
examples-not-taken = Thank you for proposing an answer to “{ $question }”. An editor did not take it as an example. The reason: { $reason }
examples-changes-words = Newest first.
examples-changes-none = You have asked for no changes yet.
examples-state-waiting = Waits for the daemon to become a commit.
examples-state-working = Becomes a commit right now.
examples-state-committed = It is the commit { $commit }.
examples-state-conflict = Not saved: somebody else changed the file in the meantime. Your edit is safe.
examples-state-refused = Not saved.
examples-state-parked = Put aside: the repository refused it. Nothing is lost.
examples-conflict-words = File: { $path }
examples-mine-is = Your text:
examples-theirs-is = Their text:
examples-no-file = (there is no file)
examples-mine = Mine
examples-theirs = Theirs
examples-mend = ✏️ Edit
examples-theirs-stays = Good, their text stays.
examples-take-back = Take back
examples-ask-take-back = Take back the change “{ $subject }”? Its text will be forgotten.
examples-retry = 🔁 Try again
examples-undo = ↩️ Undo the change
examples-ask-undo = Undo the commit “{ $subject }”? This touches { $count ->
        [one] { $count } file
       *[other] { $count } files
    }, by one new commit.
examples-undo-newer = ⚠️ This example was edited again since: undoing takes that edit away too. What would go stands below.
examples-undo-stay = These stay as they are, for they were edited again since ({ $count }): { $paths }
examples-ask-forward = Forward the messages of a chat to me, all at once if you like. Then we mark which are questions and which are answers.
examples-forward-wanted = Forwarded messages with words are what I wait for now. All that is collected is safe.
examples-forward-full = No more than { $most } messages go into one example. All that is collected is safe.
examples-forward-none = Nothing is picked yet.
examples-pick-words = Who said what? Press a message to change its mark: 👤 question, 🤖 answer, ▫️ left out. What one side says in a row becomes one turn. More may be forwarded.
examples-import-title = Examples from a file · { $dataset }
examples-ask-file = Send a CSV or XLSX file (columns question, answer and perhaps tags; in Russian too) or chats as JSON (OpenAI, ShareGPT, Alpaca; one a line or a list), up to { $megabytes } MB. First I show what is new in it.
examples-file-wanted = A CSV, XLSX or JSON file is what I wait for now.
examples-import-counts = Lines: { $lines }. New: { $taken }, known already: { $duplicates }, with errors: { $rejected }.
examples-import-line = Line { $line }: { $words }
examples-import-nothing = The file has nothing new that can be saved.
examples-save-many = 💾 Save { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
examples-line = line { $line }
