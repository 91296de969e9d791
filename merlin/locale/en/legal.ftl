# Legal texts and support with payments: /privacy, /terms, /paysupport.
bot-command-privacy = my data: what is stored
bot-command-terms = terms
bot-command-paysupport = a question about a payment
privacy-text =
    Privacy

    What is stored. Your Telegram ID and name, your language and your settings: plan, time zone, model, instructions. Questions and answers with the model, the number of tokens, the price and your rating. Photos and voice recordings themselves are not stored: of a recording and a document the text stays.

    How it is stored. The texts of questions and answers, the titles of conversations and your instructions are encrypted in the database. The key is stored separately.

    Who sees it. The question and the conversation before it go to the provider of the model that answers. The texts are given to no one else. Nothing is trained on them without your consent.

    Your rights. Delete a conversation: /clear or /sessions. Get everything that is stored about you: /export. Delete everything: /delete_me.

    What stays after that. The bot keeps a fingerprint of your ID that cannot be read back, with the number of your questions, until they would have reset anyway. This way deleting gives no new free questions. A block stays, too, and for an hour that earlier sign-ins are over. What editors wrote into the datasets in their own name stays in the history there.
privacy-retention =
    How long it is kept. Questions and answers: { $turns ->
        [0] until you delete them yourself
        [one] { $turns } day
       *[other] { $turns } days
    }. Records of messages, without their words by then: { $letters ->
        [one] { $letters } day
       *[other] { $letters } days
    }.
privacy-providers = The models come from providers chosen by the owner of this bot:
privacy-session = { $model } answers in this conversation, { $provider }. { $by ->
        [person] You chose this model; back to the default one: /model
       *[bot] You can choose another one in /model.
    }
privacy-consent = { $state ->
        [given] Training: you allowed models to learn from answers that you corrected or rated. Personal data in them is masked. You can withdraw consent at any time.
       *[none] Training: you have not allowed any model to learn from your answers.
    }
privacy-button-give = Allow training
terms-text =
    Terms

    1. A model answers, not a human being. It can be wrong: check what matters.
    2. Answers do not replace the advice of a doctor, a lawyer or another professional.
    3. Do not send other people's personal data, passwords or anything that the law forbids.
    4. Your plan sets how many questions you can ask, and of which kind: /plan
    5. Anyone who disrupts the bot may lose access to it.
    6. How your data is stored: /privacy
    7. Paid plans and question packs are digital goods: in Telegram they are sold for Stars. What is included, for how long and at what price is shown before you pay. The purchase is available at once.
    8. A plan that renews by itself says so before you pay. You can turn auto-renewal off on any day: /plan. The days you have paid for stay yours.
    9. If something is wrong with a payment, or you need a refund, write to /paysupport. The admins of this bot will answer. Telegram support does not handle such questions. A refund also removes the purchase.
    10. /plan, /privacy and /paysupport are commands of this bot in Telegram.
paysupport-ask = Write in one message what happened with your payment: when, how much, for what. I'll pass it to the admins, and they'll write to you.
paysupport-bad = Please write it in words, in at most { $most ->
        [one] { NUMBER($most) } character
       *[other] { NUMBER($most) } characters
    }.
paysupport-too-many = You can write { $most ->
        [one] { $most } time
       *[other] { $most } times
    } a day, and you have reached that. The admins have received everything.
paysupport-no-admins = This bot has no admins yet, so there is no one to answer. Please try again later.
paysupport-question = A question about a payment (ID { $user }). To answer, tap the name to open a chat.
paysupport-sent = Sent to the admins. They'll write to you.
