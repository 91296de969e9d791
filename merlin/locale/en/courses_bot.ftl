# Courses in the bot: /course.
bot-command-course = choose a course
courses-now = { $course ->
        [none] No course chosen: ask anything. Choose a course, and its model will answer.
       *[other] This conversation is about the course “{ $course }”.
    }
courses-semester = Semester { $semester }
courses-none-yet = No courses yet. Just write a question.
courses-not-available = This course is no longer available. Choose another one: /course
courses-chosen = A new conversation about the course “{ $course }”.
courses-not-trained = The model of this course isn't trained yet, so a general model answers.
courses-ask = Write your question.
courses-all-chosen = New conversation without a course. Ask anything.
courses-button-all = All topics
courses-button-list = List of courses
