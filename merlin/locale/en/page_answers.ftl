# Which answers an edit would change, before it is saved: pages, bot and commands.
page-answers = What would change
page-answers-busy = Comparing answers…
page-answers-before = Now
page-answers-after = After saving
page-answers-unknown = No answer
page-answers-new = new answer
page-answers-lost = answer lost
page-answers-other = other answer
page-answers-changed = { $asked ->
        [one] Tried on the last question that people asked.
       *[other] Tried on the last { $asked } questions that people asked.
    } New answers: { $new }, lost: { $lost }, different: { $other }.
page-answers-same = { $count ->
        [one] Tried on the last question that people asked: its answer stays the same.
       *[other] Tried on the last { $count } questions that people asked: all answers stay the same.
    }
page-answers-no-questions = There's nothing to try the edit on yet: no one has asked, or no one has allowed us to use their questions.
page-answers-estimate = This is a quick estimate by the built-in trainer. The dataset trains elsewhere, so its model may answer differently.
page-answers-too-many = Comparing more than { NUMBER($limit) } examples here would take too long. Save the edits: the test of the new model shows what changed.
