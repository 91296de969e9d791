# The board of commits, for teachers and admins.
page-board = Commits
page-board-lead = From a written example to the model that answers people.
page-course-board = Commits
page-lane-commit = Commit
page-lane-checked = Checked
page-lane-built = Built
page-lane-training = Training
page-lane-evaluated = Test
page-lane-serving = Live
page-board-live = updates automatically
page-board-as-of = as of { $at }
page-board-daemon = New commits can't be seen yet: the training service isn't responding. Commits are safe and models keep answering. Everything goes on when it starts.
page-board-telegram = Telegram can't be reached now. Messages wait and go out in order. The chat on this site works. If it lasts, an admin should check the machine's connection to Telegram.
page-board-place = { $place } of { $count }
page-board-errors = { $count ->
        [one] { $count } error
       *[other] { $count } errors
    }{ $files ->
        [0] {""}
        [one] {" "}in { $files } file
       *[other] {" "}in { $files } files
    }
page-board-warnings = { $count ->
        [one] { $count } note
       *[other] { $count } notes
    }
page-board-since = since { $at }
page-board-left-out = { $count ->
        [one] { $count } example left out
       *[other] { $count } examples left out
    }
page-board-changed = What changed
page-board-nothing-changed = The dataset's files are the same.
page-board-no-texts = The changes can't be read here. They're in git.
page-board-more-files = { $count ->
        [one] { $count } more file
       *[other] { $count } more files
    }
page-board-old-notes = { $count ->
        [one] { $count } earlier note
       *[other] { $count } earlier notes
    }
page-board-unpin-by-admin = An admin can unpin it.
page-tasks = Waiting for you
page-tasks-none = Nothing needs your decision right now.
page-task-commits = { $count ->
        [one] { $count } commit needs attention
       *[other] { $count } commits need attention
    }
page-task-models = { $count ->
        [one] { $count } model needs a decision
       *[other] { $count } models need a decision
    }
page-task-proposals = { $count ->
        [one] { $count } correction
       *[other] { $count } corrections
    }
page-task-unanswered = { $count ->
        [one] { $count } unanswered question
       *[other] { $count } unanswered questions
    }
page-task-wordings = { $count ->
        [one] { $count } wording people use
       *[other] { $count } wordings people use
    }
page-task-single = Found by one wording only: { $count ->
        [one] { $count } answer
       *[other] { $count } answers
    }
page-count-waiting = , { $count } waiting
page-board-removed = Removed from the repository. { $way ->
        [none] People can't ask its model.
       *[other] Its model still answers.
    }
page-board-more = { $count } more
page-board-commits = { $count ->
        [one] { $count } commit
       *[other] { $count } commits
    }
page-board-questions = { $count ->
        [0] no questions in 4 weeks
        [one] { $count } question in 4 weeks
       *[other] { $count } questions in 4 weeks
    }{ $disliked ->
        [0] {""}
        [one]{", "}{ $disliked } answer disliked
       *[other]{", "}{ $disliked } answers disliked
    }
page-board-none = No commits yet. Add the first example on the dataset's page or right in the bot.
page-board-empty = The first commit will show here
page-board-empty-hint = Write an example in the repository, on the dataset's page or in the bot, and watch its card take six steps.
page-board-journey = Journey of commit
page-close = Close
page-board-evaluation = See the test
page-no-findings = no errors
page-course-over-time = Over time
page-over-time-lead = How edits change the model's answers, and what becomes of people's questions.
page-over-time-answers = Right answers in the test
page-over-time-answers-hint = The latest models in order. Below each is the commit it was trained from: press it to open its journey.
page-over-time-live = { $model } is live, { proof-told }.
page-over-time-few = The line appears once two models have been tested.
page-over-time-model = Model
page-over-time-questions = Questions by week
page-over-time-none-asked = No questions in the last 12 weeks. Here you'll see how many were asked, and how many went unanswered.
page-over-time-week = Week of
page-over-time-all = Total
page-over-time-answered = Answered
page-over-time-if-meant = “If you mean”
page-over-time-offered = Similar ones offered
page-over-time-refused = Not known
page-over-time-wrong = Disliked or corrected
page-over-time-wordings = Wordings gained
page-over-time-gained = { $count ->
        [0] No wording that people use was accepted in these weeks.
        [one] { NUMBER($count) } wording was accepted in these weeks.
       *[other] { NUMBER($count) } wordings were accepted in these weeks.
    }
page-over-time-failed = Failed
page-over-time-asked = { NUMBER($count) } { $count ->
        [one] question
       *[other] questions
    }
page-as-table = Show as a table
