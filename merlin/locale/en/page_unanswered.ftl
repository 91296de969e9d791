page-unanswered = Unanswered questions
page-unanswered-lead = This week they got no answer, or one that people disliked. Similar ones are grouped.
page-unanswered-refused =
    { $count ->
        [one] the model couldn't answer once
       *[other] the model couldn't answer { $count } times
    }
page-unanswered-disliked =
    { $count ->
        [one] { $count } bad rating
       *[other] { $count } bad ratings
    }
page-unanswered-ways = How people asked
page-unanswered-allowed = Only what people allowed is shown, without names.
page-unanswered-before = The turn before it, which the example will have too:
page-unanswered-exists = There's such an example already, but people disliked its answer.
page-unanswered-dismiss = Off topic: take it off the list
page-unanswered-off = Off the list: “{ $question }”. If people ask it again, it comes back.
page-unanswered-edit = Edit the example
page-unanswered-none-waiting = Everything was found this week
page-unanswered-none-hidden = Nothing to show
page-unanswered-none-asked = No questions this week
page-unanswered-none-hint = { $asked ->
        [0] Refusals and bad ratings of seven days show here at once.
        [one] { $asked } question was answered in seven days. Refusals and bad ratings show here at once.
       *[other] { $asked } questions were answered in seven days. Refusals and bad ratings show here at once.
    }
page-unanswered-older =
    { $count ->
        [one] { $count } older question isn't shown.
       *[other] { $count } older questions aren't shown.
    }
page-unanswered-hidden =
    { $count ->
        [one] { $count } more question came from people who don't let their words be shown.
       *[other] { $count } more questions came from people who don't let their words be shown.
    }
