rating-up = Thank you! Glad to help.
rating-down = Thank you for telling.
rating-none = The rating is taken back.
rating-how-better = Sorry that the answer did not fit. If you know a better one, tell me: it helps everybody.
rating-fix = ✏️ Suggest an answer

fix-asked = Write in one message how the answer should have been.
fix-no-example = A correction does not fit this answer. You can rate it though: 👍 or 👎.
fix-no-consent = You did not allow learning from your corrections, so I do not collect them. 👍 and 👎 work all the same. You can change your mind at any time.
fix-gone = This answer is gone, so there is nothing to correct.
fix-words = A correction is a text. Write how the answer should have been.
fix-long = That is too long: { $most } characters at most. Please write less.
fix-preview = This is what an editor will see, without your name:

    Question: { $question }

    Answer: { $answer }

    Send it? To change it, simply write the answer again.
fix-masked = I have hidden what is personal: { $kinds }. Please check that nothing else is left.
fix-is-question = It's a question, answer it
fix-send = Send
fix-sent = Thank you! Your correction waits for an editor. If it is taken, I will write to you when a new model has learnt it.
fix-too-many = Too many of your corrections wait for an editor already. Please wait until they are looked at.

consent-button = Learning from my corrections
consent-asked =
    May the model learn from your questions and corrections?

    What it means: an editor sees your correction without names, phone numbers and addresses. If they accept it, it becomes an example, and the model learns from it. I always show you a correction before it is sent.

    In the same way, without your name, an editor sees questions that I couldn't answer or whose answer you rated: new examples and the model's test are made from them.

    You can take the consent back at any time: /privacy. Then the examples are taken out of the dataset, and you see which models had learnt them.
consent-yes = I allow it
consent-no = I do not
consent-thanks = Thank you, your consent is kept. You can take it back at any time: /privacy.
consent-declined = All right, I do not collect corrections. Ratings 👍 and 👎 work all the same.
consent-change = Change my mind
consent-given = You have allowed the model to learn from your corrections. { $count ->
    [0] You have sent none so far.
    [one] You have sent { $count } correction.
   *[other] You have sent { $count } corrections.
}
consent-revoke = Take the consent back
consent-revoking = Take the consent back? Your corrections will be forgotten, and those taken as examples will be removed from the dataset. Models that have learnt them answer nobody from then on, and I will name them.
consent-revoke-sure = Yes, take it back
consent-revoked = The consent is taken back and the corrections are forgotten. The examples are being removed from the dataset.
consent-models = { $count ->
    [one] { $count } model had learnt them: { $models }. It answers nobody any more and cannot be chosen.
   *[other] { $count } models had learnt them: { $models }. They answer nobody any more and cannot be chosen.
}
consent-none = There is no consent to take back.

mask-secret = [secret]
mask-mail = [e-mail]
mask-card = [card number]
mask-phone = [phone]
mask-handle = [contact]
mask-name = [name]
mask-kind-secret = a password or key
mask-kind-mail = e-mail
mask-kind-card = card number
mask-kind-phone = phone
mask-kind-handle = contact
mask-kind-name = name

why-unknown = No model wrote this answer: I did.
why-model = Answered by the model { $model } ({ $provider }).
why-general = This is a general model: it was not taught by the examples here.
why-origin =
    Dataset: { $build }, commit { $commit }.
    Trained { $at } on { $examples ->
        [one] { $examples } example
       *[other] { $examples } examples
    }; authors: { $editors }.
    { $standing ->
        [canary] It answers some of the people now.
        [serving] It serves now.
       *[earlier] Another model serves now.
    }
why-taught = It was taught this answer by: { $examples }.
why-nearest = No taught example says this answer word for word. The most similar taught questions (not its source): { $examples }.
why-tokens = Tokens: question { $input }, answer { $output }.
why-cost = Cost: { $cost }.
why-thumbs = Ratings of this model: 👍 { $up }, 👎 { $down }.

notice-learnt = Thank you! The model { $build } has learnt your correction and answers everybody now.
notice-proposal = There are new corrections from people: they wait for an editor in /admin.
notice-revoked = { $dataset }: somebody took their consent back, and their examples are being removed. { $count ->
    [one] The model that holds them ({ $models }) cannot serve any more.
   *[other] The models that hold them ({ $models }) cannot serve any more.
} What answers now is another one and stays.
notice-revoked-switched = { $dataset }: somebody took their consent back, and their examples are being removed. { $count ->
    [one] The model that holds them ({ $models }) cannot serve any more.
   *[other] The models that hold them ({ $models }) cannot serve any more.
} Now { $version } answers.
notice-revoked-nothing = { $dataset }: somebody took their consent back, and their examples are being removed. { $count ->
    [one] The model that holds them ({ $models }) cannot serve any more,
   *[other] The models that hold them ({ $models }) cannot serve any more,
} and no other has been trained: a general model answers until the next one is.
proposal-unknown = There is no correction { $proposal }.
