# The pages that people open in a browser and within Telegram: frame, catalogue, course, material.

page-skip = Skip to content
page-home = Merlin, home page
page-sections = Sections
page-menu = Menu
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
page-search-corrected = You typed “{ $query }”. Showing results for “{ $meant }”.
page-found-in = Where “{ $course }” has it
page-nothing-found = Nothing found: “{ $query }”
page-nothing-found-hint = Check the spelling, or open the whole list.
page-course-ask = open to questions
page-course-training = model in training
page-course-reading = no model yet
page-show-all = Show all courses
page-nothing-here = Nothing here yet
page-no-courses-hint = Courses will appear as soon as a teacher adds the first one.
page-more-courses = { $count ->
        [one] { $count } more course isn't shown: type part of its name above.
       *[other] { $count } more courses aren't shown: type part of a name above.
    }
page-list-failed = The courses couldn't be loaded
page-list-failed-hint = The server didn't respond. Your courses are safe.
page-case = Error code: { $case }
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
page-mine-none = Press “+” next to a course to add it here.
page-favourite-add = Add “{ $name }” to My courses
page-favourite-remove = Remove “{ $name }” from My courses
page-favourite-remove-short = Remove “{ $name }”
page-result-added = “{ $name }” was added to My courses.
page-result-removed = “{ $name }” was removed from My courses.
page-undo = Undo
page-failed = That didn't work: no connection. Try again in a moment.
page-no-cookies = Your browser stores nothing for this site, so it can't keep you signed in or save courses. Allow cookies for this site, then reload the page.
page-lost = No connection. This page updates automatically once it's back.

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
page-no-materials-hint = Materials will appear when the teacher adds the first one. You can already add the course to My courses.
page-lesson-lecture = Lecture { $lesson }
page-lesson-seminar = Seminar { $lesson }
page-lesson-lab = Lab { $lesson }
page-text = Text
page-file = File
page-at-host = on { $host }

page-back = Back
page-ask = Ask
page-ask-this-lecture = Ask about this lecture
page-ask-this-seminar = Ask about this seminar
page-ask-this-lab = Ask about this lab
page-opens-at = opens on { $host }
page-open-file = Open the file
page-no-text = The text isn't loaded yet
page-no-text-hint = It appears about a minute after the edit is saved. Reload the page.
page-neighbours = Neighbouring materials
page-on-this-page = On this page
page-contents = Contents
page-code = Code
page-table = Table
page-copy = Copy
page-copied = Copied

page-to-courses = To the courses
page-error-401 = Sign in again
page-error-401-hint = You've been signed out, so nothing was saved. Your text is safe: sign in in a new tab, come back here and reload to send the form again.
page-sign-in-new-tab = Sign in in a new tab
page-error-403 = No access
page-error-403-hint = You don't have permission for this, or the request came from another site. Nothing was changed.
page-error-404 = Page not found
page-error-404-hint = It may have been removed or hidden, or the address has a typo. You can start from the list of courses.
page-error-405 = That doesn't work here
page-error-405-hint = This address can't be opened like that. Go back to the courses.
page-error-409 = That isn't possible right now
page-error-409-hint = Nothing was changed. Go back to the page and check how things are now.
page-error-413 = Too much text, or too large a file
page-error-413-hint = The form holds up to one megabyte (about a million English letters or 500,000 Russian ones), an import files of 4 MB. Nothing was changed: go back, shorten the text or the file and send it again.
page-error-422 = Check the form
page-error-422-hint = Something is missing or isn't valid. Nothing was changed: go back and correct it.
page-error-429 = Too many requests
page-error-429-hint = Wait a minute and try again. Nothing is lost.
page-error-500 = Something broke on our side
page-error-500-hint = Your courses and questions are safe. Try again. If it doesn't help, send your teacher the error code.
page-error-503 = Merlin isn't responding
page-error-503-hint = Your courses and questions are safe. Try again in a few seconds.
