# Legal texts and support with payments: /privacy, /terms, /paysupport.
bot-command-privacy = what is stored and who answers
bot-command-terms = terms
bot-command-paysupport = a question about a payment
privacy-text =
    Privacy

    What is stored. Your Telegram id and name, your language and what you have set: plan, time zone, model, presets. Questions and answers with the model, the number of tokens, the price and your rating. Photos and voice recordings themselves are not stored: of a recording and a document the text stays.

    How it is stored. The texts of questions and answers, the titles of conversations and your presets lie encrypted in the database, the key lies apart from it.

    Who sees it. The question and the conversation before it go to the provider of the model that answers. Nobody else is given the texts. Nothing is trained on them without your consent.

    Your rights. Erase a conversation: /clear or /sessions. Get all that is stored about you: /export. Delete everything: /delete_me.

    What stays after that. So that deleting gives no new free questions, the bot keeps a fingerprint of your number that nobody can read back, with the count of your questions, until the count would have begun anew anyway; and a block, if there was one. What editors wrote into the datasets in their own name stays in the history there.
privacy-kept =
    How long it is kept. Questions and answers: { $turns ->
        [0] until you delete them yourself
        [one] { $turns } day
       *[other] { $turns } days
    }. Records of messages, without their words by then: { $letters ->
        [one] { $letters } day
       *[other] { $letters } days
    }.
privacy-providers = The models come from providers that the owner of this bot has chosen:
privacy-session = { $model } answers in this conversation, { $provider }. { $by ->
        [person] You chose this model; back to the usual one: /model
       *[bot] You can choose another one in /model.
    }
privacy-consent = { $state ->
        [given] Training: you allowed a model to learn from answers that you corrected. Personal data in them is masked, and you can take the consent back.
       *[none] Training: you have not allowed any model to learn from your answers.
    }
privacy-button-give = Allow training
privacy-button-revoke = Take the consent back
terms-text =
    Terms

    1. A model answers, not a human being. It can be wrong: check what matters.
    2. Answers do not replace the advice of a doctor, a lawyer or another professional.
    3. Do not send other people's personal data, passwords or anything that the law forbids.
    4. How much you may ask and in which form is told by your plan: /plan
    5. Whoever disturbs the work of the bot may lose access to it.
    6. How your data is kept: /privacy
    7. Paid plans and packs of questions are digital goods: in Telegram they are sold for Stars. What they hold, for how long and at what price is said before you pay; what you buy is there at once.
    8. A plan that renews itself is called so before you pay. You can stop the renewal on any day: /plan; the days you have paid for stay yours.
    9. If something is wrong with a payment, or you need a refund, write to /paysupport. The admins of this bot will answer; Telegram's own support does not deal with such questions. With the money goes back what was bought for it.
paysupport-ask = Write in one message what happened with your payment: when, how much, for what. I will hand it to the admins, and their answer will come here.
paysupport-bad = Please write it in words, in at most { $most ->
        [one] { NUMBER($most) } character
       *[other] { NUMBER($most) } characters
    }.
paysupport-enough = You can write { $most ->
        [one] { $most } time
       *[other] { $most } times
    } a day, and you have done so. The admins have received it all and will answer here.
paysupport-nobody = There is nobody to hand it to yet: this bot has no admins. Please try again later.
paysupport-sent = Handed to the admins. Their answer will come here.
paysupport-words-only = The file was not handed over: I pass words on, nothing else. What matters in it, describe in one more message.
paysupport-letter =
    A question about a payment from { $name } (id { $user }):

    { $words }
paysupport-button-answer = Answer
paysupport-answer-ask = Write the answer in one message: I will hand it to this person.
paysupport-answer-sent = The answer is on its way.
paysupport-answered =
    The answer to your question about a payment:

    { $words }
