# Courses in the bot: /course.
bot-command-course = choose a course
courses-now = { $course ->
        [none] This conversation is about everything. Choose a course, and its model will answer.
       *[other] This conversation is about the course “{ $course }”.
    }
courses-semester = Semester { $semester }
courses-none-yet = There are no courses yet. Just write a question.
courses-gone = There is no such course now.
courses-chosen = A new conversation about the course “{ $course }”.
courses-untaught = The model of this course has not been taught yet, so a general one answers.
courses-ask = Write your question.
courses-all-chosen = A new conversation about everything. Write your question.
courses-button-all = All topics
courses-button-list = List of courses
