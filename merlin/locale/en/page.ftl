# The pages that people open in a browser and within Telegram: frame, catalogue, course, material.

page-skip = Skip to content
page-home = Merlin, front page
page-rooms = Sections
page-nav-courses = Courses
page-other-language = ru
page-other-language-name = Русская версия
page-to-dark = Switch to the dark theme
page-to-light = Switch to the light theme
page-sign-in = Sign in
page-me-of = My account: { $person }

page-courses = Courses
page-courses-lead = Lectures, seminars and labs. Ask about any course: a model trained on its examples answers.
page-find-course = Find a course
page-find-hint = Name or topic
page-all-courses = ALL COURSES
page-some-of = { $here } of { $total }
page-found =
    { $count ->
        [0] Nothing found
        [one] { $count } course found
       *[other] { $count } courses found
    }
page-meant = You typed “{ $query }”: here is what “{ $meant }” finds.
page-nothing-found = Nothing found: “{ $query }”
page-nothing-found-hint = Check the word or take a topic we have:
page-course-ask = open to questions
page-course-training = model in training
page-course-reading = reading only
page-show-all = Show all courses
page-no-courses = Nothing here yet
page-no-courses-hint = Courses will appear as soon as a teacher adds the first one.
page-more-courses =
    { $count ->
        [one] { $count } more course is not shown: type a word of its name into the field.
       *[other] { $count } more courses are not shown: type a word of the name into the field.
    }
page-list-failed = The courses could not be loaded
page-list-failed-hint = The server did not answer. Your courses are safe.
page-case = Case number: { $case }
page-again = Try again
page-semester = Semester { $number }
page-count-lecture =
    { $count ->
        [one] { $count } lecture
       *[other] { $count } lectures
    }
page-count-seminar =
    { $count ->
        [one] { $count } seminar
       *[other] { $count } seminars
    }
page-count-lab =
    { $count ->
        [one] { $count } lab
       *[other] { $count } labs
    }
page-count-none = no materials yet

page-mine = My courses
page-mine-none = Press “+” next to a course to keep it here.
page-keep = Add “{ $name }” to my courses
page-let-go = Remove “{ $name }” from my courses
page-let-go-short = Remove “{ $name }”
page-said-added = “{ $name }” is now in my courses.
page-said-removed = “{ $name }” was removed from my courses.
page-undo = Undo
page-failed = This could not be saved: no connection. Try again a little later.

page-back-to-courses = All courses
page-taught-by =
    { $count ->
        [one] teacher: { $teachers }
       *[other] teachers: { $teachers }
    }
page-ask-course = Ask about this course
page-not-active = hidden from students
page-kind-of = Kind of material
page-kind-all = All
page-kinds-lecture = Lectures
page-kinds-seminar = Seminars
page-kinds-lab = Labs
page-shown =
    { $count ->
        [one] { $count } material shown
       *[other] { $count } materials shown
    }
page-no-materials = Nothing here yet
page-no-materials-hint = Materials will appear when the teacher adds the first one. You can keep the course already.
page-lesson-lecture = Lecture { $lesson }
page-lesson-seminar = Seminar { $lesson }
page-lesson-lab = Lab { $lesson }
page-text = Text
page-file = File
page-at-host = on { $host }
page-minutes =
    { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }

page-back = Back
page-ask = Ask
page-ask-this-lecture = Ask about this lecture
page-ask-this-seminar = Ask about this seminar
page-ask-this-lab = Ask about this lab
page-opens-at = opens on { $host }
page-open-file = Open the file
page-no-text = The text is not loaded yet
page-no-text-hint = It appears about a minute after the edit in the repository. Reload the page.
page-beside = Neighbouring materials
page-on-this-page = On this page
page-contents = Contents
page-code = Code
page-table = Table
page-copy = Copy
page-copied = Copied

page-to-courses = To the courses
page-trouble-401 = Sign in once more
page-trouble-401-hint = Your sign-in has ended, and nothing was done. What you wrote is safe: sign in in a new tab, come back to this one and reload it, and the form is sent again.
page-sign-in-beside = Sign in in a new tab
page-trouble-403 = Not for you
page-trouble-403-hint = You have no right to this, or the request came from another site's page. Nothing was changed.
page-trouble-404 = There is no such page
page-trouble-404-hint = The course or material may have been hidden, or the address mistyped. Look in the list of courses.
page-trouble-405 = That does not work here
page-trouble-405-hint = This address is opened in another way. Go back to the courses.
page-trouble-409 = That cannot be done now
page-trouble-409-hint = Nothing was changed. Go back to the page and see how things stand.
page-trouble-413 = Too much at once
page-trouble-413-hint = The form brings more than one megabyte. Nothing was changed: shorten the text.
page-trouble-422 = The form is not right
page-trouble-422-hint = Something is missing, or a value does not fit. Nothing was changed: go back and correct it.
page-trouble-429 = Too often
page-trouble-429-hint = Wait a minute and try again. Nothing is lost.
page-trouble-500 = Something broke on our side
page-trouble-500-hint = Your courses and questions are safe. Try again; if it does not help, tell your teacher the case number.
page-trouble-503 = Merlin does not answer right now
page-trouble-503-hint = Your courses and questions are safe. Try again in a few seconds.
