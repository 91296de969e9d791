# The pages of those who lead courses.
page-nav-teach = Teaching
page-teach = Courses I lead
page-teach-lead = Materials and examples of your courses. Every edit becomes a commit.
page-teach-none = You lead no course yet
page-teach-none-hint = An admin gives you one; then it will be here.
page-materials = Materials
page-examples = Examples
page-questions = Questions
page-disliked-answers = Disliked
page-course-rooms = Rooms of the course
page-course-edit = Materials
page-course-examples = Examples
page-course-unanswered = Unanswered
page-course-proposals = Proposals
page-course-questions = Questions
page-as-student = As students see it
page-edit-course = Edit the course

page-add-material = Add a material
page-new-material = A new material
page-no-materials-teach = Add the first one: a lecture, a seminar or a lab.
page-move-up = Up: “{ $title }”
page-move-down = Down: “{ $title }”
page-remove = Remove
page-remove-sure = Remove “{ $title }”? The page of the edit has the way back.
page-yes-remove = Yes, remove
page-removing = Removing…
page-waits-commit = waits for its commit
page-card = Course card
page-name-ru = Name in Russian
page-name-en = Name in English
page-about-ru = Description in Russian
page-about-en = Description in English
page-semester-number = Semester
page-teachers = Teachers
page-teachers-hint = Account names with a space between.
page-active = Students see it
page-save-card = Save the card
page-is-so = yes
page-is-not-so = no
page-stale-card = While you were editing, somebody else changed the course. Nothing was saved; your card is safe, it is in the form below.
page-stale-course = While you were looking, somebody else changed the course. Nothing was done; this is what is there now.

page-title-ru = Title in Russian
page-title-en = Title in English
page-kind-lecture = Lecture
page-kind-seminar = Seminar
page-kind-lab = Lab
page-lesson-number = Number
page-file-url = Address of a file (https)
page-text-markdown = Text (Markdown)
page-preview = How it will look
page-preview-empty = The text will be here.
page-check = Check
page-check-again = Check again
page-saving = Saving…
page-save-over = Save mine over it
page-save-hint = Once saved, the edit waits for its commit, usually a few seconds.
page-needs-title = Give it a title in one language at least.
page-needs-text = A text or the address of a file is needed.
page-not-good = Not saved: the check found errors. Mend them and check again.
page-stale = While you were editing, somebody else changed this material. Nothing was saved; your text is in the form below.
page-stale-hint = To save means to write your text over this one.
page-gone-material = While you were editing, somebody else removed this material. Nothing was saved; your text is in the form below: save it as a new material.
page-clash = What you wrote and what is there now
page-clash-none = What is there says the same as you wrote.
page-theirs = What is there now
page-yours = Your text
page-take-theirs = Take their text
page-nothing-there = (nothing)

page-proof = What will change
page-proof-good = no errors
page-proof-bad = errors
page-proof-tokens = The model will read { $count ->
        [one] { $count } token
       *[other] { $count } tokens
    }.
page-proof-whole = All of course.yaml has to be written anew: its comments will be lost.
page-proof-around = In other files
page-at-line = { $path }, line { $line }
page-difference-of = Changes in { $path }

page-the-change = Edit
page-change-waiting = waits for its commit
page-change-working = being made
page-change-committed = in the repository
page-change-conflict = conflict
page-change-refused = not taken
page-change-parked = put aside
page-change-waiting-hint = The edit is saved and waits for its commit.
page-change-working-hint = The commit is being made right now.
page-change-committed-hint = Done: the edit is in the repository.
page-change-conflict-hint = Somebody else changed this file in the meantime. Your edit is safe; decide whose text stays.
page-change-refused-hint = This edit will not be made.
page-change-parked-hint = The repository refused this edit, so it is put aside. Nothing is lost: mend what it says and try again, or take the edit back.
page-take-mine = Write my text over theirs
page-give-up = Leave their text
page-take-back = Take the edit back
page-retry = Try again
page-undo-commit = Undo the edit
page-undo-sure = Put everything back as it was before this edit? It will be one more commit.
page-yes-undo = Yes, undo
page-no = No
page-busy = Working…
page-what-became = What came of it
page-look-again = Look again
page-commit = Commit { $commit }

page-asked-told = In { $days ->
        [one] { $days } day
       *[other] { $days } days
    }: { $count ->
        [one] { $count } question
       *[other] { $count } questions
    }, { $bad ->
        [one] { $bad } answer was disliked
       *[other] { $bad } answers were disliked
    }.
page-span = Which time
page-span-28 = 4 weeks
page-span-182 = Half a year
page-span-364 = A year
page-bars-all = questions
page-bars-bad = answers that were disliked
page-by-numbers = In numbers
page-when = When
page-no-questions = No questions in this time
page-no-questions-hint = As soon as students ask, you will see here what and when.
page-disliked-title = What was disliked
page-disliked-hint = Only the words of those who allow their use; names are hidden.
page-disliked-none = There are no such answers.
page-votes = liked: { $liked }, disliked: { $disliked }

page-add-example = Add an example
page-example = Example
page-find-example = Search examples
page-broken = cannot be read
page-examples-not-found = No such examples: “{ $query }”
page-examples-not-found-hint = Examples that say all these words are shown. Try a single word.
page-no-examples = No examples yet
page-no-examples-hint = An example teaches the model to answer: a student's question and the answer you would give.
page-example-question = Question
page-example-answer = Answer
page-example-tags = Tags
page-example-tags-hint = With commas between; may be empty.
page-example-broken = The example's file cannot be read: write question and answer anew, or mend it in git.
page-remove-example-sure = Remove the example? The page of the edit has the way back.
page-needs-both = Both question and answer are needed.
page-gone-example = While you were editing, somebody else removed this example. Nothing was saved; your text is in the form below: save it as a new example.

page-proposals = Proposed examples
page-proposals-lead = People's corrections, drafts of a stronger model, and test questions. What you approve becomes one commit in your name.
page-proposal-pick = Select “{ $question }”
page-proposal-note = Passage
page-proposals-mark = Select all { $count }
page-proposals-unmark = Select none
page-proposals-approve = Approve the selected ones
page-proposals-decline = Decline the selected ones
page-tests-few = Test questions: { $questions } of { $least }. With fewer, a new model can't be compared with the live one.
page-tests-propose = Propose from liked answers
page-tests-none = There are no liked answers to take test questions from yet.
page-no-proposals = Nothing is waiting
page-no-proposals-hint = Corrections come from people in the bot, drafts from the command merlin distil.
page-filter-examples = Filter
page-filter-drop = Remove this filter
page-facet-split = Used for
page-facet-all = All
page-facet-train = Training
page-facet-test = Testing
page-facet-findings = Findings
page-with-finding = With a finding
page-facet-tag = Tags
page-facet-author = Author
page-facet-more-tag = { $count ->
        [one] { $count } more tag
       *[other] { $count } more tags
    }
page-facet-more-author = { $count ->
        [one] { $count } more author
       *[other] { $count } more authors
    }
page-is-test-example = test
page-examples-total = { NUMBER($count) } { $count ->
        [one] example
       *[other] examples
    }
page-examples-found = Found: { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
page-examples-found-part = The first of those found
page-newest-first = changed first
page-more-examples = Show 50 more
page-examples-none-so = No such examples
page-all-examples = Show all examples
page-datasets = Datasets
page-new-example = New example
page-write-first = Write the first
page-close-example = Close
page-mark-any = Merlin decides
page-mark-train = Always for training
page-mark-test = Always for testing
page-draft-done = Done
page-another-wording = Another wording
page-draft-add = new
page-draft-edit = changed
page-draft-delete = removed
page-draft-by-you = you, not saved
page-draft-drop = Remove the edit
page-draft-conflict = Another edit was saved before yours
page-draft-conflict-of = Someone else changed “{ $question }” too. Nothing is lost: your edit is here and waits for you to decide.
page-draft-gone-of = Someone removed “{ $question }”. Nothing is lost: your edit is here and waits for you to decide.
page-draft-keep-mine = Keep mine
page-draft-take-theirs = Take the commit's
page-draft-combine = Combine in an edit
page-drafts = Unsaved edits
page-drafts-count = { $count ->
        [one] { $count } edit
       *[other] { $count } edits
    }
page-drafts-edit = { $count } changed
page-drafts-add = { $count } new
page-drafts-delete = { $count } removed
page-drafts-hint = Edits are kept here until you save them.
page-drafts-discard = Discard
page-drafts-discard-sure = Discard all unsaved edits of this dataset?
page-yes-discard = Yes, discard
page-drafts-save = Save as one commit
page-drafts-stale = { $count ->
        [one] While you were editing, someone else changed { $count } example. Nothing was saved, your edits are kept. If you can't see it here yet, try again in a minute.
       *[other] While you were editing, someone else changed { $count } examples. Nothing was saved, your edits are kept. If you can't see them here yet, try again in a minute.
    }
page-drafts-none = There is nothing to save: everything is saved.
page-drafts-not-good = Not saved: the check found errors. Your edits are kept: fix them and save again.
page-drafts-too-many = There are { $limit ->
        [one] { $limit } unsaved edit
       *[other] { $limit } unsaved edits
    } here already. Save them first.
page-paste-table = Paste a table
page-paste-hint = Rows from Excel, Google Sheets, CSV or a Markdown table: question, answer, tags
page-paste-limit = Up to 500 rows. The command merlin import and the bot take more.
page-paste-look = Check the rows
page-paste-look-again = Check again
page-paste-take = Take the selected into edits
page-paste-verdict = Result
page-paste-line = Row { $line }
page-paste-new = new
page-paste-same = exists already
page-paste-other = exists, other answer
page-paste-wrong = can't be taken
page-paste-compare = Compare
page-paste-nothing = There is no row in the text.
page-paste-count = New: { $new }, other answer: { $other }, exist already: { $same }, can't be taken: { $wrong }.
page-paste-too-many = These are more than { NUMBER($limit) } rows. Paste the table in parts, or use merlin import.
page-what-to-show = What to show
page-show-edit = Edit
page-show-history = History
page-version-changed = Example changed
page-version-added = Example added
page-version-back = Restore
page-next-training = Training after saving: about { $cost }.
page-next-training-free = Training after saving: free.
page-next-training-little = Training after saving: less than { $cost }.
page-next-training-by-hand = An admin starts it.
page-serves-till-then = Until then { $model } answers.
