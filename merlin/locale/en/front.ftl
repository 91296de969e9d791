# The demo's front page.
front-title = Demo · Merlin
front-language = По-русски
front-demo = demo
front-demo-about = runs on this computer, no money is charged
front-headline = One example, and the model answers differently
front-lead = An editor writes a question and its answer, and they become a commit. Merlin checks it, trains a model and puts it live in the bot. Try it yourself: five steps, five minutes.
front-serving = Live now:
front-first-model = The first model is on its way
front-first-model-about = about ten seconds, the page updates itself
front-what-failed = What happened
front-users = Choose who you are
front-user-anna = Anna, student
front-user-anna-about = Reads lectures, asks on the page and in the bot, rates answers and suggests corrections.
front-user-boris = Boris, teacher
front-user-boris-about = Leads { $courses ->
    [one] { $courses } course
   *[other] { $courses } courses
  }: edits materials and examples, accepts students' corrections.
front-user-vera = Vera, admin
front-user-vera-about = Sees the whole way from commit to answer, models, people, spending and system status.
front-tour = Five steps
front-done-steps = { $done } of { $all } done
front-step-done = done
front-step-ask = Ask
front-step-ask-about = “{ $question }”
front-step-source = See where the answer comes from
front-step-source-about = Tap ℹ️ under the answer. It names the example and the commit that taught the model.
front-step-correct = Correct it
front-step-correct-about = Tap ✏️ under the answer and write a better one. You see what is sent before it goes.
front-step-approve = Accept the correction
front-step-approve-about = Boris reads it as a question and an answer. An accepted correction is a commit.
front-step-again = Ask again
front-step-again-about = A few seconds later a new model answers, in the new way.
front-go-ask = Ask
front-go-source = Open the conversation
front-go-correct = Correct the answer
front-go-approve = Open corrections
front-go-again = Ask again
front-wait-model = You can ask once the model is trained
front-all-done = You have walked the whole way.
front-next-example = Add an example
front-next-example-about = As Boris, write a question and its answer. The next model knows it.
front-next-tutorial = Make your own dataset in 15 minutes
front-next-tutorial-about = A tutorial for the terminal, from an empty folder to a model that answers.
front-next-dataset = What a dataset consists of
front-next-dataset-about = Files, fields and settings, each with an example.
front-tour-about = Each step opens in a second tab and ticks itself off here.
front-other-samples = The courses of this demo are in Russian. In English: MERLIN_LANGUAGE=en merlin demo --fresh
front-addresses = All addresses
front-address-bot = Bot, as in Telegram
front-address-courses = Courses and chat
front-address-admin = Admin
front-address-engine = Training engine
front-address-shop = Test checkout
front-address-api = API for programs
front-key = key: { $path }
front-is-down = not responding
