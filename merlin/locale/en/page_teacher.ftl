# The pages of those who lead courses.
page-nav-teach = Teaching
page-teach = Teaching
page-teach-lead = Materials and examples of your courses. Every edit is saved in git.
page-teach-none = You don't teach any course yet
page-teach-none-hint = An admin can give you one. It'll appear here.
page-materials = Materials
page-examples = Examples
page-questions = Questions
page-course-sections = Course sections
page-course-edit = Materials
page-course-examples = Examples
page-course-unanswered = Unanswered
page-course-proposals = Corrections
page-as-student = As students see it
page-edit-course = Edit course

page-add-material = Add material
page-new-material = New material
page-no-materials-teach = Add the first one: a lecture, a seminar or a lab.
page-move-up = Up: “{ $title }”
page-move-down = Down: “{ $title }”
page-remove = Remove
page-remove-sure = Remove “{ $title }”? You can undo this on the page of the edit.
page-yes-remove = Yes, remove
page-removing = Removing…
page-card = Course card
page-name-ru = Name in Russian
page-name-en = Name in English
page-about-ru = Description in Russian
page-about-en = Description in English
page-semester-number = Semester
page-teachers = Teachers
page-teachers-hint = Usernames, separated by spaces.
page-teachers-unknown = No teacher has the username: { $names }. It counts once an admin makes its owner a teacher.
page-active = Visible to students
page-save-card = Save the card
page-value-yes = yes
page-value-no = no
page-stale-card = Another edit changed the course while you were editing. Nothing was saved. Your version is in the form below.
page-stale-course = Another edit changed the course meanwhile. Nothing was saved. This is the current version.

page-title-ru = Title in Russian
page-title-en = Title in English
page-kind-lecture = Lecture
page-kind-seminar = Seminar
page-kind-lab = Lab
page-lesson-number = Number
page-file-url = Address of a file (https)
page-text-markdown = Text (Markdown)
page-preview = Preview
page-preview-empty = Your text appears here.
page-save-hint = Saving usually takes a few seconds.
page-has-errors = Not saved: the check found errors. Fix them and check again.
page-stale = Edit conflict: another edit changed this material while you were editing. Nothing was saved. Your text is in the form below.
page-stale-hint = Saving replaces their version with yours.
page-material-deleted = Another edit removed this material while you were editing. Nothing was saved. Your text is in the form below: save it as a new material.
page-course-deleted = While you were editing, this course was removed from the repository. Nothing is saved. Copy your text from the form below.
page-conflict = Your version and the current one
page-conflict-none = The current version is the same as yours.
page-theirs = Current version
page-yours = Your version
page-use-theirs = Keep theirs
page-value-empty = (nothing)

page-at-line = { $path }, line { $line }
page-fix-example = Fix it
page-show-file = The text of the file
page-was-file = was { $path }
page-question-before = Question before
page-question-after = Question now
page-answer-before = Answer before
page-answer-after = Answer now
page-tags-before = Tags before
page-tags-after = Tags now
page-answer-gone = Answer before deletion
page-commits = Commits
page-find = Find
page-find-commit = Find by subject or hash
page-commit-author = Author
page-all-authors = All authors
page-commit-state = State
page-all-states = All states
page-all-commits = All commits
page-commits-none = No such commits
page-commits-none-hint = Try fewer words, another author or another state.
page-see-example = See it as it is now
page-example-gone = This example no longer exists.
page-difference-of = Changes in { $path }

page-change-waiting-hint = Saving usually takes a few seconds.
page-change-working-hint = Saving right now.
page-change-late = The service that saves edits isn't running. Your edit is kept and will be saved when it starts.
page-change-committed-hint = The edit is saved in the repository.
page-change-refused-hint = This edit isn't saved.
page-change-parked-hint = The repository rejected this edit. It's safe here: fix the cause and try again, or withdraw the edit.
page-keep-mine = Keep mine
page-withdraw-edit = Withdraw the edit
page-undo-commit = Undo edit
page-undone = This edit is undone already.
page-undo-sure = Put everything back as it was before this edit? This makes one more commit.
page-yes-undo = Yes, undo
page-no = No
page-busy = Saving…
page-change-result = Result
page-refresh = Refresh
page-commit = Commit { $commit }

page-when = When

page-add-example = Add example
page-example = Example
page-find-example = Search examples
page-broken = can't be read
page-examples-not-found = No such examples: “{ $query }”
page-examples-not-found-hint = Only examples with all these words are shown. Try a single word.
page-no-examples = No examples yet
page-no-examples-hint = An example teaches the model to answer: a student's question and the answer you would give.
page-example-question = Question
page-example-answer = Answer
page-example-between = Between them: edited in the file
page-example-tags = Tags
page-example-tags-hint = Separated by commas, optional.
page-example-broken = This example's file can't be read. Below is what could be taken from it: check it against the file, then save.
page-example-wrong = { $error } The fields below were read from the file: check them against its text, then save.
page-needs-both = Enter both a question and an answer.
page-example-deleted = Another edit removed this example while you were editing. Nothing was saved. Your text is in the form below: save it as a new example.
page-stale-example = Edit conflict: another edit changed this example while you were editing. Nothing was saved. Your text is in the form below.

page-proposals = Corrections
page-proposals-lead = Students' corrections, drafts of a stronger model, and test questions. What you accept becomes one commit in your name.
page-pick = Select “{ $question }”
page-proposal-note = Passage
page-proposal-by-student = a student's correction
page-proposal-wording = a wording people used
page-proposal-frames = a wording by rules
page-proposal-present = Now
page-proposal-new = New answer
page-proposal-changes = { $count ->
    [one] Changes the answer of this example:
   *[other] Changes the answer of { $count } examples:
  }
page-proposal-all = Change those examples, too
page-proposal-only = Another answer for this question only
page-proposal-other-question = The examples with this answer seem to ask something else.
page-proposal-approve = Accept
page-proposal-decline = Decline
page-proposal-alike = Alike: { $count }. They are decided together.
page-proposal-change = Change
page-proposal-decline-why = Decline with a reason
page-proposal-reason = Reason, for the author
page-proposal-edited = { $who } is editing this now
page-proposal-lost = This was decided in the meantime. Your text:
page-proposals-more = { $count } more waiting. The next appear here once you have decided these.
page-proposals-approve = Accept the selected ones
page-proposals-decline = Decline the selected ones
page-wordings-used = { $count ->
    [one] { $count } wording people used
   *[other] { $count } wordings people used
  }
page-wordings-lead = People asked this, got no answer and then pressed the question below, or asked it in other words. What you accept is taught as one more question of that answer.
page-wordings-people = { $count ->
    [one] { $count } person
   *[other] { $count } people
  }
page-wordings-refused = “None of these”: { $count }
page-wordings-few = Used by fewer than three people: { $count }
page-wordings-accept = Teach the selected ones
page-wordings-decline = Drop the selected ones
page-wordings-shared = Pull two answers together
page-wordings-shared-lead = Not offered: people meant different answers by it, or none, or it is nearly another answer's question.
page-wordings-near = Nearly asks: “{ $question }”
page-single = Found by one wording only
page-single-lead = One question leads to each of these answers, so other wordings of it may not find them. Select what people would ask, or add your own wording.
page-single-none = Each answer has two wordings or more.
page-single-more = { $count } more. The next appear here once these have another wording.
page-single-find = Answers found by one wording only
wordings-none-ticked = Select at least one wording.
page-tests-few = Test questions: { $questions } of { $least }. With fewer, a new model can't be compared with the live one.
page-no-proposals = No corrections
page-no-proposals-hint = When a student corrects an answer in the bot or the course chat, the correction appears here.
page-contradictions = Contradictions
page-contradictions-lead = The nearest questions with different answers, up to ten. Do they ask the same? What you choose becomes one commit in your name.
page-contradictions-find = Find contradictions
page-contradictions-none = No near questions with different answers.
page-contradictions-compared = { $count ->
        [0] Not compared by meaning: `check.off` has same-meaning, or there are more than { $limit } questions.
       *[other] Compared: { $count }.
    }
page-contradictions-unread = { $count ->
        [one] { $count } file has errors, so it wasn't compared.
       *[other] { $count } files have errors, so they weren't compared.
    }
page-contradiction-first = The first answer is right
page-contradiction-second = The second answer is right
page-contradiction-differ = Different questions
page-contradiction-reason = These are different questions.
page-filter-examples = Filter
page-filter-drop = Remove filter
page-facet-split = Used for
page-facet-all = All
page-facet-train = Training
page-facet-test = Testing
page-facet-out = Not in the build yet: { NUMBER($count) }
page-facet-findings = Errors and notes
page-with-finding = With an error or a note
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
page-facet-rest = { NUMBER($count) } more: use the search.
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
page-newest-first = recently changed
page-more-examples = Show 50 more
page-no-such-examples = No such examples
page-all-examples = Show all examples
page-datasets = Datasets
page-new-example = New example
page-write-first = Write the first
page-mark-auto = Merlin decides
page-mark-train = training
page-mark-test = testing
page-select-all = Select all
page-selected = Selected:
page-unselect = Select none
page-tag-add = Add tag
page-tag-remove = Remove tag
page-remove-several-sure = Remove them? You can undo the edit.
page-stale-several = While you were selecting, one of these examples was changed or removed. Nothing was saved. Reload the page and select again.
page-example-keys = Keys: j and k move, x selects, e edits
page-another-wording = Another wording
page-allow-ask = Not saved yet: this looks like a person's data, and the model would tell it to everyone. Save it anyway?
page-near-ask = Not saved yet: { $count ->
    [one] this example has another answer. Does it ask the same?
   *[other] these examples have other answers. Does one of them ask the same?
  }
page-near-ask-correction = { $count ->
    [one] If this example asks the same, replace its answer, too: otherwise it stays.
   *[other] If one of these examples asks the same, replace its answer, too: otherwise it stays.
  }
page-near-question = Looks like
page-near-same = The same answer
page-near-replace = Replace this answer
page-near-other = Another question: save
page-near-other-accept = Another question: accept
page-allow-organisation = Save: the organisation's contact
page-allow-organisation-reason = A contact of the organisation.
page-allow-agreed = Save: the person agreed
page-allow-agreed-reason = The person agreed.
page-examples-coming = The examples are being read. They'll appear here in a moment.
page-new-dataset = New dataset
page-new-dataset-lead = A title and a file of questions and answers become a model that people can ask. You see the examples before anything is saved.
page-new-dataset-title = Title
page-new-dataset-name = Name in addresses and in git
page-new-dataset-name-hint = Letters, digits, “.”, “_” and “-”. It can't be changed later.
page-new-dataset-show = Go on
page-new-dataset-save = { $count ->
    [0] Create without examples
    [one] Create with { $count } example
   *[other] Create with { $count } examples
}
page-new-dataset-again = Choose another file
page-download = Download
page-import-file = Import a file
page-import-lead = Questions and answers from a table, a document, a quiz or another program become examples. You see them as soon as the file is chosen, and before they are saved.
page-import-choose = File
page-import-hint = Excel (XLSX), CSV, Word (DOCX), Markdown, text, JSON, exports of Telegram, ChatGPT, Dialogflow, Rasa (all its files together), Moodle (XML, GIFT), QnA Maker, Label Studio. Up to { $megabytes } MB. An admin can import larger files.
page-import-show = Show its examples
page-import-only-gone = Nothing in the file is new or changed.
page-import-plan = { $count ->
    [0] { $changed ->
      [0] Nothing to save
     *[other] No new examples
    }
    [one] { $count } new example
   *[other] { $count } new examples
  }.{ $changed ->
    [0] { "" }
    [one] { " " }{ $changed } changed example.
   *[other] { " " }{ $changed } changed examples.
  } Already known: { $duplicates }. Left out with errors: { $rejected }.{ $held ->
    [0] { "" }
   *[other] { " " }Left as an editor changed them: { $held }.
  }
page-import-remembered = The fields mean what they did last time, as { $name }.
page-import-name = Name for next time
page-import-name-hint = Under this name the dataset remembers what the fields mean. The next such file needs no answer.
page-import-gone = { $count ->
    [one] Remove { $count } example whose record is gone from the file
   *[other] Remove { $count } examples whose records are gone from the file
  }
page-import-earlier = Before
page-import-asks = { $count ->
    [one] Nothing is saved yet: say what { $count } field means.
   *[other] Nothing is saved yet: say what { $count } fields mean.
  }
page-import-meaning = What does it mean?
page-import-choose-meaning = Choose
page-import-only = Take only the ticked values
page-import-leave = Nothing for an example: leave it out
page-import-part = { $part ->
    [question] The question
    [answer] The answer
    [context] A text that belongs to the question
    [system] The system text
    [tags] Tags
    [split] The side of the test: train or test
    [source] The source
    [note] A note for editors
    [rejected] The worse answer
    [id] The ID of the record
   *[other] { $part }
  }
page-import-go-on = Show what becomes of it
page-import-which = Where are the question and the answer?
page-import-column = Choose
page-import-columns = Read from there
page-import-save = { $count ->
    [0] Save
    [one] Save { $count } example
   *[other] Save { $count } examples
  }
page-import-rows = First examples: { $count }
page-import-turns = { $count ->
    [one] { $count } message
   *[other] { $count } messages
  }
page-import-findings = What to look at
page-import-more = { $count ->
    [one] And { $count } more.
   *[other] And { $count } more.
  }
page-import-too-large = The files are larger than { $megabytes } MB. Split them, or ask an admin, who can import larger ones.
page-import-no-file = Choose a file.
