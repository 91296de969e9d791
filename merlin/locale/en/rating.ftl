rating-up = Thanks! Glad I could help.
rating-down = Thanks for letting me know.
rating-none = Rating removed.
rating-how-better = Sorry that didn't help. If you know a better answer, tell me: it helps everyone.
rating-fix = ✏️ Correct the answer

fix-ask = Write the right answer in one message.
fix-no-example = This answer can't be corrected, but you can rate it: 👍 or 👎.
fix-no-consent = You didn't allow learning from your corrections, so I don't collect them. 👍 and 👎 still work. You can change your mind at any time.
fix-answer-not-found = This answer is gone. Ask the question again and correct the new answer.
fix-text-only = A correction is a text. Write what the answer should be.
fix-long = That's too long: { $most } characters at most. Please write less.
fix-preview = This is what an editor will see, without your name:

    Question: { $question }

    Answer: { $answer }

    Send it? To change it, simply write the answer again.
fix-masked = Personal details are hidden: { $kinds }. Check that nothing else is left.
fix-is-question = It isn't a correction, answer it
fix-send = Send correction
fix-sent = Thank you! An editor will look at it.

consent-button = Learning from my corrections
consent-ask =
    May the model learn from your questions and corrections?

    What it means: an editor sees your correction without names, phone numbers and addresses. If they accept it, it becomes an example, and the model learns from it. You always see a correction before it's sent.

    An editor also sees, without your name, questions that got no answer or whose answer you rated. They become new examples and the model's test. The model can also be trained on the ratings themselves: without names, phone numbers and addresses, and without an editor.

    You can withdraw your consent at any time: /privacy. Then the examples are removed from the dataset, and you see which models had learnt them.
consent-again = May the model learn from your questions and corrections? What it means is written above.
consent-yes = Allow
consent-no = Don't allow
consent-thanks = Thank you, your consent is saved. You can withdraw it at any time: /privacy.
consent-declined = All right, I won't collect corrections. 👍 and 👎 still work.
consent-text-kept = I keep your text for twelve hours, in case you change your mind.
consent-change = Change my mind
consent-given = You have allowed the model to learn from your corrections. { $count ->
    [0] You have sent none so far.
    [one] You have sent { $count } correction.
   *[other] You have sent { $count } corrections.
}
consent-revoke = Withdraw consent
consent-revoking = Withdraw consent? Your corrections will be deleted, and those accepted as examples will be removed from the dataset. Models that learnt from them stop answering. I'll list them.
consent-revoke-sure = Yes, withdraw
consent-revoked = Consent withdrawn, corrections deleted. The examples are being removed from the dataset.
consent-models = { $count ->
    [one] { $count } model had learnt from them: { $models }. It no longer answers and can't be chosen.
   *[other] { $count } models had learnt from them: { $models }. They no longer answer and can't be chosen.
}
consent-none = There's no consent to withdraw.

mask-secret = [secret]
mask-mail = [e-mail]
mask-address = [address]
mask-document = [document number]
mask-card = [card number]
mask-phone = [phone]
mask-handle = [contact]
mask-name = [name]
mask-kind-secret = a password or key
mask-kind-mail = email address
mask-kind-address = address
mask-kind-document = document number
mask-kind-card = card number
mask-kind-phone = phone
mask-kind-handle = contact
mask-kind-name = name

why-unknown = This answer isn't from a model: I wrote it.
why-model = Model: { $model }.
why-general = This is a general model, not trained on our examples.
why-origin =
    Trained { $at } on { $examples ->
        [one] { $examples } example
       *[other] { $examples } examples
    } by { $editors ->
        [one] { $editors } author
       *[other] { $editors } authors
    }. The model's commit: { $commit }.
    { $role ->
        [serving] It's the live model.
       *[earlier] Another model is live now.
    }
why-examples = Source: { $examples }
why-example = { $example } (commit { $commit })
why-nearest = No example has this answer word for word. The most similar questions in training: { $examples }
why-part = { $part ->
        [exact] A ready answer from an example, word for word.
        [composed] Composed from the sources named under the answer.
        [refused] The model didn't know the answer, so there's no source.
       *[model] The model wrote this answer itself.
    }
why-fold-examples = Examples
why-fold-model = Model
why-tokens = Tokens: question { $input }, answer { $output }.
why-cost = Cost: { $cost }.
why-ratings = Ratings of this model: 👍 { $up }, 👎 { $down }.

notice-proposal = { $title }. An answer to “{ $question }” was proposed and is waiting for your decision.
notice-proposal-decide = Review
notice-proposal-committed = Your correction was accepted: the model will soon answer “{ $question }” like that.
notice-proposal-declined = The editor declined your correction of the answer to “{ $question }”.
notice-proposal-declined-why = The editor declined your correction of the answer to “{ $question }”. Reason: { $reason }
notice-revoked = { $title }: someone withdrew their consent, and their examples are being removed. { $count ->
    [one] The model trained on them ({ $models }) can no longer go live.
   *[other] The models trained on them ({ $models }) can no longer go live.
} The live model isn't affected.
notice-revoked-switched = { $title }: someone withdrew their consent, and their examples are being removed. { $count ->
    [one] The model trained on them ({ $models }) can no longer go live.
   *[other] The models trained on them ({ $models }) can no longer go live.
} { $version } is live now.
notice-revoked-nothing = { $title }: someone withdrew their consent, and their examples are being removed. { $count ->
    [one] The model trained on them ({ $models }) can no longer go live,
   *[other] The models trained on them ({ $models }) can no longer go live,
} and there's no other. A general model answers until the next one is ready.
proposal-unknown = Correction { $proposal } not found. Open the list of corrections again.
