# The page of how a model did at its test.
page-eval-title = Test of { $model }
page-eval-compared = Compared with { $against }{ $serves ->
        [yes] , the live model
       *[no] { "" }
    }: { $count ->
        [one] { NUMBER($count) } shared question
       *[other] { NUMBER($count) } shared questions
    }
page-eval-held = Didn't go live{ $lost ->
        [0] { "" }
        [one] : { NUMBER($lost) } right answer was lost
       *[other] : { NUMBER($lost) } right answers were lost
    }
page-eval-lost = { $lost ->
        [one] { NUMBER($lost) } right answer was lost
       *[other] { NUMBER($lost) } right answers were lost
    }
page-eval-accepted = Accepted by an editor: { $lost ->
        [one] { NUMBER($lost) } right answer was lost
       *[other] { NUMBER($lost) } right answers were lost
    }
page-eval-passed = No worse than the previous model: { $right } of { $questions }
page-eval-alone = { $right } of { $questions } right
page-eval-rule = { $kind ->
        [not_worse] The dataset's rule: no new model goes live if one right answer is now wrong, four are declined, or two declined ones are wrong. Gains elsewhere allow more losses.
        [floor] The dataset's rule: a new model goes live only with enough right answers.
       *[none] The dataset has no rule for new models: each one goes live.
    }
page-eval-serves = This is the live model.
page-eval-serving = The live model is { $model }.
page-eval-full = { $questions ->
        [one] { NUMBER($questions) } of { NUMBER($questions) } answers is right.
       *[other] All { NUMBER($questions) } answers are right.
    }
page-eval-full-hint = The test is too easy: add harder questions.
page-eval-unanswered = Take some from the unanswered questions
page-eval-few = Test questions: { $questions } of { $least }. Fewer prove nothing, and every new model goes live.
page-eval-few-hint = Ask about what is taught in other words: “{ page-another-wording }” at an example. Or let a stronger model draft test questions, which an editor approves:
page-eval-add-test = Add a test question
page-eval-fix-examples = { $lost ->
        [one] Fix { NUMBER($lost) } example
       *[other] Fix { NUMBER($lost) } examples
    }
page-eval-promote-anyway = Make live anyway
page-eval-promote-sure = Make { $model } live{ $lost ->
        [0] { "" }
        [one] {" "}although { NUMBER($lost) } right answer was lost
       *[other] {" "}although { NUMBER($lost) } right answers were lost
    }? It starts answering at once. One tap brings the previous one back.
page-eval-right = Right
page-eval-of = { $right } of { $questions }
page-eval-right-of = { $model }: { $right } of { $questions }
page-eval-declined = { $count ->
        [one] { NUMBER($count) } declined
       *[other] { NUMBER($count) } declined
    }
page-eval-exact = word for word: { $count }
page-eval-part = { $part ->
        [exact] Answers to people, taught ones word for word: { $answers }
       *[model] Answers to people, written by the model: { $answers }
    }, first word after { $seconds } s{ $cost ->
        [none] .
       *[other] , average cost: { $cost }.
    }
page-eval-difference = Difference
page-eval-turned-wrong = No longer right
page-eval-turned-right = Now right
page-eval-wrong-both = still wrong: { $count }
page-eval-unsure = Unsure
page-eval-wrong = Wrong
page-eval-leave = Take this model with you
page-eval-leave-hint = On the engine's machine this command writes it for PEFT and vLLM, with a card. --form merged gives one model with its base, --form ollama one for Ollama.
page-eval-job = Training details
page-eval-answers = Question by question
page-eval-which = Which questions to show
page-eval-show-changed = Changes and errors
page-eval-show-lost = No longer right
page-eval-show-gained = Now right
page-eval-show-unsure = Unsure
page-eval-show-wrong = Still wrong
page-eval-show-right = { $count ->
        [one] Show { NUMBER($count) } right answer
       *[other] Show { NUMBER($count) } right answers
    }
page-eval-nothing-changed = No answer changed.
page-eval-none-wrong = No wrong answers.
page-eval-nothing-shown = There are no such questions.
page-eval-left-out = { $count ->
        [one] { NUMBER($count) } more question isn't shown.
       *[other] { NUMBER($count) } more questions aren't shown.
    }
page-eval-expected = Expected answer
page-eval-before = { $model }: { $kind ->
        [right] right
        [refused] declined
        [unsure] unsure
       *[wrong] wrong
    }
page-eval-now = This model: { $kind ->
        [right] right
        [refused] declined
        [unsure] unsure
       *[wrong] wrong
    }
page-eval-none-before = { $model } wasn't asked this
page-eval-change-lost = no longer right
page-eval-change-gained = now right
page-eval-change-wrong = wrong
page-eval-change-unsure = to be read: right or not
page-eval-change-right = right
page-eval-fix = Fix the example
page-eval-is-right = { $right ->
        [yes] It's right
       *[no] It's wrong
    }
page-eval-accept = This answer is fine
page-eval-accept-hint = This question no longer stops models while the example's answer stays the same.
page-eval-running = The model is answering the test questions
page-eval-answered = { $asked } of { $questions } questions
page-eval-again = The answers so far are saved. The other questions will be asked again automatically.
page-eval-no-test = No test questions
page-eval-none = There are no answers to the test questions
page-eval-asked = Asked: { $tests ->
        [0] { "" }
        [one] { NUMBER($tests) } wording that isn't taught,{" "}
       *[other] { NUMBER($tests) } wordings that aren't taught,{" "}
    }{ $disguised ->
        [one] { NUMBER($disguised) } taught question, reworded
       *[other] { NUMBER($disguised) } taught questions, reworded
    }{ $unrelated ->
        [0] .
       *[other] {" "}and { NUMBER($unrelated) } of other subjects. It declined { NUMBER($declined) } of those, as it should.
    }
page-eval-source = { $source ->
        [disguised] taught, reworded
        [unrelated] of another subject
        [asked] asked lately by a person
        [removed] example removed
       *[test] { $found ->
            [yes] found by another wording
            [otherwise] a wording that isn't taught
           *[no] not found by another wording
        }
    }
page-eval-answered-before = The answer then
page-eval-change-asked = another answer
page-eval-teach-wording = Teach one more wording
page-eval-otherwise = Will answer otherwise
page-eval-show-otherwise = Will answer otherwise
page-eval-change-otherwise = changed by a commit
page-eval-taught-before = { $model } was taught
page-eval-answers-now = This model answers
page-eval-old = { $model }, recorded{ $same ->
        [yes] : the same
       *[no] : otherwise
    }
page-eval-old-same = { $model } answered alike: { $same } of { $count ->
        [one] { NUMBER($count) } recorded answer
       *[other] { NUMBER($count) } recorded answers
    }
page-eval-compare-with = Compare with
page-eval-compare = Compare
