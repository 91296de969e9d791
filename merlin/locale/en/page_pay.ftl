# The pages of plans, payment and orders.
page-nav-plans = Plans
page-plans = Plans
page-plans-lead = Materials can always be read, and for nothing. Plans say how many questions you may ask the model.
page-plans-lead-none = How many questions you may ask the model. Nothing is sold here: everybody uses what there is.
page-nothing-sold = There is nothing to buy
page-nothing-sold-hint = Ask as much as you like: questions are not limited here.
page-more-questions = More questions: plans
page-packs = Packs of questions
page-packs-lead = They come on top of any plan, and are used once its own questions are gone.
page-plan-now = yours now
page-plan-mine = you have it
page-mine-until = until { $day }
page-mine-renewed = until { $day }, then renewed
page-mine-always = without an end
page-plan-also = You also have the plan “{ $plan }” until { $day }.
page-for-nothing = Free
page-for-everybody = for everybody
page-or = or
page-may-renew = Can renew itself
page-buy = Buy
page-buy-more = Extend
page-buy-stars = Buy for { $stars } in Telegram
page-buy-stars-write = It is sold for { $stars } in the bot: write { $command } to it.
page-try = Try it: { $days }
page-tried = The plan “{ $plan }” is yours: { $until }.

page-brings-any = Questions of every kind, not counted
page-brings-text =
    { $count ->
        [one] { $said } question by text
       *[other] { $said } questions by text
    }
page-brings-voice =
    { $count ->
        [one] { $said } question by voice
       *[other] { $said } questions by voice
    }
page-brings-photo =
    { $count ->
        [one] { $said } question with a photo
       *[other] { $said } questions with a photo
    }
page-brings-document =
    { $count ->
        [one] { $said } question with a document
       *[other] { $said } questions with a document
    }
page-brings-day = { $what } a day
page-brings-month = { $what } a month
page-brings-both = { $what } a day, { $most } a month at most
page-brings-any-text = Questions by text, not counted
page-brings-any-voice = Questions by voice, not counted
page-brings-any-photo = Questions with a photo, not counted
page-brings-any-document = Questions with a document, not counted
page-brings-no-text = No questions by text
page-brings-no-voice = No questions by voice
page-brings-no-photo = No photos
page-brings-no-document = No documents
page-brings-sessions =
    { $count ->
        [one] { $count } conversation is kept
       *[other] { $count } conversations are kept
    }
page-brings-window = Conversations of up to { $said } tokens
page-brings-models = Models: { $models }
page-brings-courses = For these courses alone: { $courses }
page-lasts = for { $days }
page-lasts-pack = until they are used up
page-lasts-pack-days = lasts { $days }
page-goods = “{ $title }”
page-goods-for = “{ $title }”, { $days }

page-checkout = Buying: { $title }
page-what-you-buy = What you buy
page-total = Total
page-have-code = Have a code?
page-promo = Code
page-promo-apply = Apply
page-promo-use = Use it
page-promo-saves = { $percent } % off with the code { $code }
page-promo-gives-days = This code gives days of a plan for nothing: enter it on the page of plans.
page-payment = Payment
page-receipt-to = Where to send the receipt
page-receipt-hint = An e-mail address or a phone number. For the receipt alone: no letters, no calls.
page-contact-none = Enter an e-mail address or a phone number: without it no receipt can be sent.
page-contact-wrong = This looks like neither an e-mail address nor a phone number. For example: anna@example.com or +7 916 123-45-67.
page-days-every =
    { $count ->
        [one] every { $count } day
       *[other] every { $count } days
    }
page-consent = Renew by itself: { $price } { $days } by the same way of payment, a day before it ends, until I stop it. It can be stopped at any time in “My account”{ $told ->
        [yes] ; the bot reminds you three days before
       *[no] {""}
    }. Without the tick nothing is charged again.
page-pay = Pay { $amount }
page-pay-plain = Pay
page-pay-again = Go to payment
page-pay-busy = Opening the payment…
page-pay-next = YooKassa's page opens; after paying you come back here, and what you bought is yours at once.
page-pay-test = This is a test shop: no real money is charged.
page-price-changed = The price changed while you were looking. Nothing was charged; here is the new sum.
page-terms = Terms
page-by-stars = With Stars in Telegram
page-by-stars-hint = The bot sells the same for Telegram Stars.
page-not-here = This is not sold here now.
page-leading = Opening the page of payment
page-leading-hint = If it does not open by itself, press the button. Money is charged only there, and only once you agree.
page-leading-go = Open the payment
page-to-order = To the order

page-my-orders = My orders
page-no-orders = No orders yet
page-no-orders-hint = All that you buy will be here: what is paid, what waits, what came back.
page-orders-more = The newest 100 orders are shown.
page-order = Order { $number }
page-order-facts = Details
page-order-sum = Sum
page-order-till = Paid by
page-order-made = Made
page-order-kind = Shop
page-order-test = a test, not for real money
page-till-yookassa = YooKassa
page-till-stars = Telegram Stars
page-order-created = waits for payment
page-order-asking = waits for payment
page-order-pending = waits for payment
page-order-held = money received
page-order-canceled = canceled
page-order-expired = out of time
page-order-paid = paid
page-order-refunded-in-part = refunded in part
page-order-refunded = refunded
page-order-lead-asking = The order is saved. There is no page of payment yet: press “Go to payment”.
page-order-lead-silent = The till does not answer now. Nothing was charged, the order is saved: try again, it stays one order.
page-order-lead-look-silent = The till is silent for now. If you have paid, nothing is lost: we look again by ourselves.
page-order-lead-pending = { $till ->
        [stars] Waiting for { $amount } until { $until }. It is paid in the bot.
       *[yookassa] Waiting for { $amount } until { $until }. If you have paid, wait a little: we are looking, and this page renews itself.
    }
page-order-lead-held = { $amount } received. Waiting for the till to confirm it: this page renews itself.
page-order-lead-canceled = The payment did not pass, nothing was charged: { $why }.
page-order-lead-given-up = You canceled this order. Nothing was charged.
page-order-lead-expired = This order was not paid in time. Nothing was charged.
page-order-lead-paid = Thank you! { $amount } received, what you bought is yours already.
page-order-lead-code-taken = { $amount } came when the code of this order had been used already. Nothing was bought; all of it goes back to you.
page-order-lead-refunded-in-part = A part of the money was sent back.
page-order-lead-refunded = The money was sent back, { $amount }. What was bought does not count any more.
page-granted-term = { $state ->
        [over] The plan “{ $title }” ended on { $until }
        [later] The plan “{ $title }” from { $since } until { $until }
       *[now] The plan “{ $title }” until { $until }
    }
page-granted-pack = { $state ->
        [over] { $what }: ended on { $until }
        [until] { $what } until { $until }, { $left } left
       *[kept] { $what }, { $left } left
    }
page-refund-done = { $amount } sent back, { $at }
page-refund-on-way = { $amount } on its way back
page-check-now = Check now
page-order-cancel = Cancel the order
page-buy-again = Buy again
page-go-ask = Ask about a course
page-go-bot = Open the bot
page-lost-plan = This is not sold here
page-lost-plan-hint = The plan may have been renamed or taken away. All there is stands on the page of plans. What you bought stays yours.
page-lost-order = There is no such order among yours
page-lost-order-hint = You are signed in as { $person }. The order may have been made from another account of yours: then sign out, and sign in there. If somebody sent you the link, they alone can open it.

page-pack-left = { $ends ->
        [yes] { $what } until { $until }
       *[no] { $what }
    }
page-beyond-plan = Beyond the plan
page-renewals = Renews by itself
page-renews = { $price }, next on { $day } · { $method }
page-renewal-stop = Stop
page-renewal-stop-yes = Yes, charge no more

page-room-billing = Money
page-billing-lead = What was paid and sent back, the newest orders, codes.
page-month-this = This month
page-month-last = Last month
page-no-money = No payments.
page-sum-paid = Paid
page-sum-returned = Sent back
page-sum-net = Stayed
page-payments-count =
    { $count ->
        [one] { $count } payment
       *[other] { $count } payments
    }
page-refunds-count =
    { $count ->
        [one] { $count } refund
       *[other] { $count } refunds
    }
page-tests-apart =
    { $count ->
        [one] { $count } more payment was a test: it is not in the sums.
       *[other] { $count } more payments were tests: they are not in the sums.
    }
page-by-days-rub = Roubles by day
page-by-days-xtr = Stars by day
page-by-days-told = { $paid } paid, { $returned } sent back.
page-by-numbers-of = { $what }: in numbers
page-payments = Orders
page-any-state = in any state
page-person-id = A person's number
page-person-number = A person is found by their number: it is digits alone, and stands on the page “People”.
page-show = Show
page-none-ordered-hint = The first one will be here as soon as somebody begins to buy.
page-no-payments = No such orders
page-no-payments-hint = Choose another state, or clear the person's number.
page-left-for-good = deleted their data
page-is-test = a test
page-compared-title = Stars compared with Telegram
page-compared =
    { $count ->
        [0] Compared { $at }: all agrees. Movements at Telegram: { $seen }.
        [one] Compared { $at }: { $count } difference. Movements at Telegram: { $seen }.
       *[other] Compared { $at }: { $count } differences. Movements at Telegram: { $seen }.
    }
page-not-compared = Not compared yet: the bot does it every night where it sells for Stars.
page-differs-paid = A payment that was not known here; stored by the comparison
page-differs-returned = A refund that was not known here; stored by the comparison
page-differs-odd = A movement that cannot be explained: look at it yourself
page-differs-missing = A payment that Telegram does not have
page-billing-export = For the accountant
page-billing-export-hint = The report of a month, the comparison with YooKassa and the CSV are made on the server:
page-promos = Codes
page-promos-hint = A code makes a plan cheaper, or gives some days of it for nothing.
page-promos-go = All codes
page-no-promos = No codes yet
page-no-promos-hint = The first one is made in the form “A new code”.
page-promo-new = A new code
page-promo-hint = 3 to 32 characters: letters, digits, hyphen and underscore. Upper and lower case are alike.
page-promo-what = What it gives
page-promo-percent = a lower price, in per cent
page-promo-days = days of the plan for nothing
page-promo-number = How many per cent or days
page-promo-people = For how many people (empty: any number)
page-promo-last-day = Its last day (empty: until I stop it)
page-promo-make = Make the code
page-promo-needs = A code, a plan and a whole number of per cent or days are needed.
page-promo-no-such-plan = That cannot be: a lower price is for what is sold, and days are given of plans, not of packs.
page-promo-gives = { $kind ->
        [days] “{ $plan }” for nothing: { $days }
       *[percent] { $percent } % off “{ $plan }”
    }
page-promo-uses = used: { $uses }
page-promo-ends = until: { $day }
page-promo-on = in use
page-promo-stopped = stopped
page-promo-over = over
page-promo-used-up = used up
page-promo-stop = Stop
page-promo-stop-sure = Stop the code { $code }? Nobody can use it any more, and it cannot be switched on again.
page-yes-promo-stop = Yes, stop it

page-buyer = Who
page-order-id = Its whole number
page-at-till = Number at the till
page-order-how = How
page-by-renewal = a renewal
page-why-canceled = Why it was canceled
page-till-word = The till's word
page-to-person = To the person
page-refunds = Refunds
page-no-refunds = There is nothing to send back.
page-return-wanted = waits
page-return-sending = on its way
page-return-done = sent back
page-return-refused = refused
page-refund-of = payment { $number }
page-refund-go = Send money back: { $title }
page-refund-hint = Up to { $rest } can go back. An empty sum: all that is left. The share of the time that the money was for is taken back, too.
page-refund-whole = All { $rest } go back: Telegram returns no part.
page-refund-amount = How much, ₽
page-refund-reason = Reason
page-refund-next = Next
page-refund-sure-title = Send it back for sure?
page-refund-sure = Send back { $amount }? The reason: “{ $reason }”. It cannot be undone.
page-yes-refund = Yes, send it back
page-refund-no-amount = This is no sum. Write, for example, 150 or 99.90.
page-refund-too-much = More than nothing and no more than is left can go back: { $rest }.
page-refund-no-reason = Write the reason: it stays in the records.
page-refund-long-reason = The reason is longer than { $most } characters. Shorten it.
page-refund-moving = The money is on its way; this part renews itself.
page-ledger = Ledger
page-no-entries = The ledger says nothing of this order yet: no money came.
page-entry-number = No.
page-entry-kind = Entry
page-entry-about = Details
page-entry-payment = payment
page-entry-grant = granted
page-entry-refund = refund
page-entry-revocation = revoked
page-rests-on = of { $number }
