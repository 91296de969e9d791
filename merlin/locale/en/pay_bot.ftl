# Plans in the bot: what there is, what may be bought, payment in Stars, refunds.
pay-title-until = Plan “{ $title }” until { $at }
pay-title-then = Plan “{ $title }” until { $at }, then “{ $then }”
pay-here = In this conversation the course plan “{ $title }” counts:
pay-here-until = In this conversation the course plan “{ $title }” counts, until { $at }:
pay-other = You also have the plan “{ $title }”: until { $at }
pay-beyond = Beyond the plan you have:
pay-gift = • { $what }, with no end
pay-gift-until = • { $what }, until { $at }
pay-renews = The plan “{ $title }” renews itself: { $at }
pay-choose = There can be more: choose a plan or a pack of questions.
pay-pack-text = { $count ->
        [one] { NUMBER($count) } text question
       *[other] { NUMBER($count) } text questions
    }
pay-pack-voice = { $count ->
        [one] { NUMBER($count) } voice question
       *[other] { NUMBER($count) } voice questions
    }
pay-pack-photo = { $count ->
        [one] { NUMBER($count) } question about a photo
       *[other] { NUMBER($count) } questions about photos
    }
pay-pack-document = { $count ->
        [one] { NUMBER($count) } question about a document
       *[other] { NUMBER($count) } questions about documents
    }
pay-brings-days = The plan for { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }. What it holds is shown by /plan
pay-brings-pack = On top of your plan: { $what }
pay-brings-pack-days = On top of your plan: { $what }. They can be used for { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }
pay-allows-none = not included
pay-allows-any = without limit
pay-allows-day = { NUMBER($count) } a day
pay-allows-month = { NUMBER($count) } a month
pay-allows-both = { NUMBER($day) } a day, at most { NUMBER($month) } a month
pay-line = • { $kind }: { $new } (now { $old })
pay-line-same = • { $kind }: { $new }, as now
pay-pack = On top of your plan: { $what }
pay-courses = • Counted apart, and only for questions about the courses: { $courses }
pay-lasts = • Lasts { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }
pay-lasts-pack = • To be used within { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }
pay-from = You have this plan already. The new days begin { $at }, when the present ones end.
pay-lower = While your plan “{ $title }” lasts, it is the one that counts: it is the bigger one.
pay-trial = You can try it for nothing: { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }, once. Nothing is charged for the trial, and it does not renew itself.
pay-price = Price: { $price }
pay-price-renewed = Price: { $price } every { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }. The plan renews itself until you stop it: /plan
pay-price-code = Price with the code { $code }: { $price } instead of { $before }. With a code it is for once: the plan will not renew itself.
pay-button-buy = Buy for { $price }
pay-button-roubles = On our site for { $price }
pay-button-trial = Try it for nothing
pay-button-trial-of = { $title } · try it
pay-button-code = I have a code
invite-button = Invite a friend
invite-share = Send the link
invite-greeting = A bot that answers questions about what we study. Try it!
invite-link =
    This is your link:
    { $link }

    When somebody new begins by it, you get { $amount ->
        [one] { $amount } question
       *[other] { $amount } questions
    } beyond your plan. You can invite up to { $most ->
        [one] { $most } person
       *[other] { $most } people
    } so.
notice-invited = Somebody new came by your link. Thank you! You have { $amount ->
        [one] { $amount } question
       *[other] { $amount } questions
    } more beyond your plan: /plan
pay-button-orders = My orders
pay-button-renewal = Renewal of “{ $title }”
pay-button-stop = Stop the renewal
pay-button-subscribe = Subscribe for { $price }
pay-button-order = Pay for “{ $title }” · { $price }
pay-button-purchases = Purchases of this person
pay-tried = The plan “{ $title }” is yours for { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }. Enjoy!
pay-invoice-below = The invoice is below
pay-invoice-above = The invoice is in the chat already, a little above
pay-no-invoice = Telegram could not make an invoice just now. Nothing was charged; please press again a little later.
pay-subscribe = The plan “{ $title }” for { $price } every 30 days.

    Press the button: Telegram shows the sum and asks for your consent. The plan renews itself; you can stop that on any day in /plan, and the days you have paid for stay yours.
pay-renews-already = This plan renews itself for you already. You can stop that in /plan.
pay-refused-unknown = I have no such order. No Stars were charged; what there is to buy is shown by /plan
pay-refused-not-yours = This invoice is for somebody else. No Stars were charged; get your own in /plan
pay-refused-blocked = Access to the bot is closed for you, so there is nothing to pay for. No Stars were charged.
pay-refused-paid = This order is paid already, there is no need to pay twice. No Stars were charged.
pay-refused-old = This invoice is too old. No Stars were charged; get a new one in /plan
pay-refused-price = The price has changed. No Stars were charged; get a new invoice in /plan
pay-refused-broken = Something broke on my side. No Stars were charged; please try again in a minute.
pay-ask-code = Send the code in one message. It gives you days of a plan, or lowers a price.
pay-code-again = Please check the code and send it again.
pay-code-enough = You have sent several codes, and none fits. Please ask whoever gave it to you, and come back to /plan.
pay-code-given = The code is accepted: the plan “{ $title }”, { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    } as a present.
pay-no-orders = You have no orders yet.
pay-orders = Your orders, the newest first:
pay-order = • { $at } · “{ $title }” · { $price } · { $state }
pay-state-created = waits to be paid
pay-state-asking = waits to be paid
pay-state-pending = waits to be paid
pay-state-held = the money is held, the plan is about to begin
pay-state-canceled = not paid
pay-state-expired = not paid in time
pay-state-paid = paid
pay-state-refunded-in-part = a part of the money was returned
pay-state-refunded = the money was returned
pay-ask-stop = The plan “{ $title }” renews itself { $at }, { $till ->
        [stars] in Telegram Stars
       *[yookassa] by the saved card or wallet
    }. Stop that? The days you have paid for stay yours.
pay-stopped = The plan “{ $title }” will not renew itself. The days you have paid for stay yours.
pay-renewal-none = There is no such renewal: perhaps it was stopped already.
pay-left = [Left { $period ->
        [beyond] in all
        [day] for today
       *[month] for this month
    }: { $what }. More: /plan]
pay-left-none = [This was the last { $kind ->
        [voice] voice question
        [photo] question about a photo
        [document] question about a document
       *[text] question
    } { $period ->
        [beyond] beyond the plan
        [day] for today
       *[month] for this month
    }. More: /plan]
pay-bought = The last orders of this person:
notice-stars-unknown = Stars came that are for no order of ours: { NUMBER($stars) } ⭐ from person { $user }, payment { $charge }, the invoice said “{ $payload }”. Nothing was granted; the person was told that you will see to it.
notice-stars-odd = Telegram tells of your payment of { NUMBER($stars) } ⭐, but it fits none of your orders. The admins know of it. If there is no answer for long, write to /paysupport
notice-stars-left = Telegram tells that { NUMBER($stars) } ⭐ went back to person { $user } for payment { $charge }, which is not in our records.
notice-stars-missing = The payment in Stars { $charge } is in our records, and Telegram does not list it. Compare: merlin billing reconcile
notice-payment-unread = Telegram tells of a payment of person { $user } that we cannot read (update { $update }). Nothing was granted.
notice-plan-gift = You were given the plan “{ $en }”: { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }. What it holds is shown by /plan
pay-button-order-of = This order
pay-till-stars = Stars
pay-till-yookassa = YooKassa
pay-admin-title = Payments of this month
pay-admin-month = { $till }: { $came } ({ $count ->
        [one] { $count } payment
       *[other] { $count } payments
    }), returned { $back }
pay-admin-compared = Stars were compared with Telegram: { $at }. { $count ->
        [0] All agrees.
        [one] { $count } difference was found, and you were told.
       *[other] { $count } differences were found, and you were told.
    }
pay-admin-newest = Newest orders
pay-admin-none = There are no orders.
pay-admin-of = Orders: { $who }
pay-admin-what =
    Who: { $who }
    Price: { $price }, { $till }
    State: { $state }
    Ordered: { $at }
    Number: { $id }
pay-admin-code = Code: { $code }
pay-admin-entry = { $at } · { $kind ->
        [payment] payment
        [grant] granted
        [refund] refund
       *[revocation] revoked
    } · { $price }
pay-admin-refund = Refund { $at }: { $price }, { $state ->
        [wanted] waits to be sent
        [sending] being sent
        [done] sent
       *[refused] refused
    }. { $by }: { $reason }
pay-admin-back = Return { $price }
pay-admin-ask-part = You can return all, { $rest }, or a part: send the sum in roubles, such as 150 or 99.90.
pay-admin-all = Return all
pay-admin-no-amount = This is no sum. Send roubles, such as 150 or 99.90; up to { $rest } can go back.
pay-admin-ask-reason = Send the reason of the refund in one message, up to { NUMBER($most) } characters. It stays in the records.
pay-admin-ask-refund = Return { $price } for “{ $title }” to person { $user }? Reason: { $reason }. { $whole ->
        [yes] What was bought will be revoked.
       *[no] The plan becomes shorter by the part that goes back; a pack stays.
    } { $till ->
        [stars] If the plan renewed itself, that will stop.
       *[yookassa] {""}
    }
pay-admin-refund-yes = Return the money
pay-admin-refund-wished = The refund is written down and on its way
pay-admin-press = Press a button: return or cancel.
pay-admin-codes = Promo codes
pay-admin-no-codes = There are no promo codes yet.
pay-admin-code-add = New promo code
pay-admin-code-for = Which plan or pack is the code for?
pay-admin-code-write = A code for “{ $title }”. Send it in one line: “SUMMER 20%” lowers the price, “SUMMER 7” gives days of the plan. A third word may say how many people it is for: “SUMMER 20% 100”.
pay-admin-code-wrong = I do not understand. Send “SUMMER 20%”, “SUMMER 7” or “SUMMER 20% 100”, for example.
pay-admin-code-pack = A pack has no days, so a code for it can only lower the price: “SUMMER 20%”.
pay-admin-code-what =
    For: { $plan }
    Gives: { $gives }
    Used: { $uses }, may be: { $most }
    Until: { $until }
    { $state ->
        [on] The code works.
       *[stopped] The code was stopped.
    }
    Made by: { $by }
pay-admin-code-stop = Stop the code
pay-admin-code-ask-stop = Stop the code { $code }? Nobody will use it any more; orders that were made stay.
pay-admin-code-stopped = The code was stopped
admin-payments = Payments
people-term = Give a plan
people-purchases = Orders
people-ask-term = Which plan shall it be?
people-no-terms = The config has no plans but everybody's.
people-ask-term-gift = Give { $who } the plan “{ $title }” for { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }?
people-term-given = The plan was given, and the person was told
notice-stars-refused = Telegram did not return { $amount } for order { $purchase }: { $reason }. Nothing was revoked.
notice-stars-run-on = A person deleted their data, and Telegram did not confirm the end of their subscription in Stars ({ $charge }). If a payment comes for it, send it back.
