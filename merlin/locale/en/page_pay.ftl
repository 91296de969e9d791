# The pages of plans, payment and orders.
page-nav-plans = Plans
page-plans = Plans
page-plans-lead = Reading is always free. Your plan sets how many questions you can ask.
page-plans-lead-none = How many questions you can ask. There's nothing to buy: the plan is the same for everyone.
page-nothing-sold = There's nothing to buy
page-nothing-sold-hint = Ask as much as you like: questions are unlimited here.
page-more-questions = More questions: plans
page-packs = Question packs
page-packs-lead = Work with any plan, used when its questions run out.
page-plan-now = current plan
page-plan-mine = owned
page-plan-also = You also have the plan “{ $plan }” until { $day }.
page-plan-ended = The plan “{ $plan }” ended on { $day }.
page-free = Free
page-for-everyone = for everyone
page-or = or
page-buy = Buy
page-buy-more = Extend
page-buy-stars = Buy for { $stars } in Telegram
page-buy-stars-write = Available for { $stars } in the bot: send it { $command }.

page-brings-any = Questions of every kind: unlimited
page-brings-models = Models: { $models }
page-lasts = for { $days }
page-lasts-pack = until they're used up
page-lasts-pack-days = lasts { $days }
page-goods = “{ $title }”
page-goods-for = “{ $title }”, { $days }

page-goods-renews = “{ $title }”, every { $days }, renews by itself
page-plan-renews = In Stars it renews every 30 days, cancel any time in the bot.{ $roubles ->
        [yes] {" "}Paid in roubles, it lasts 30 days and doesn't renew.
       *[no] {""}
    }
page-pay-once = This pays for 30 days. It doesn't renew by itself.
page-renewal = Auto-renewal
page-renewal-state = { $state ->
        [active] on, next charge on { $day }
        [canceled] off, the plan works until { $day }
        [failed] Telegram didn't get the Stars, the plan works until { $day }
        [to-canceled] being turned off in Telegram, the plan works until { $day }
        [to-allowed] Telegram is being asked to allow it again, the plan works until { $day }
       *[allowed] can be turned on again in Telegram, the plan works until { $day }
    }
page-renewal-mine = Auto-renewal of “{ $title }”: { $state }. To change it, send the bot /plan.
page-renewal-off = Turn off auto-renewal
page-renewal-off-hint = The buyer keeps the days they've paid for, isn't charged again and is told. Money already paid isn't refunded.
page-renewal-off-yes = Yes, turn it off
page-renewal-on = Allow auto-renewal again
page-renewal-on-hint = The buyer is told, and can turn auto-renewal on again in Telegram.
page-renewal-on-yes = Yes, allow it

page-checkout = Checkout: { $title }
page-receipt-to = Where to send the receipt
page-receipt-hint = An email address or phone number. Only for the receipt. No marketing.
page-contact-none = { billing-no-contact }
page-contact-wrong = Check the email address or phone number. For example: anna@example.com or +7 916 123-45-67.
page-pay = Pay { $amount }
page-pay-plain = Pay
page-pay-again = Go to payment
page-pay-busy = Opening payment…
page-pay-next = YooKassa's page opens next. After paying you'll be back here.
page-pay-test = This is a test shop: you won't be charged.
page-price-changed = The price has changed. You weren't charged. The new amount is below.
page-bought-already = You've already paid for this plan, and weren't charged again. To add more days, pay once more.
page-adds-days = You already have this plan. The new days start on { $day }, when the current ones end.
page-terms = Terms
page-not-on-sale = This isn't on sale here.
page-payment-opening = Opening the payment page
page-payment-opening-hint = If it doesn't open, press the button. You're charged only there, and only after you agree.
page-payment-open = Open payment page
page-to-order = To the order

page-my-orders = My orders
page-no-orders = No orders yet
page-no-orders-hint = Your orders appear here: paid, waiting and refunded.
page-order = Order { $number }
page-order-amount = Amount
page-order-gateway = Payment method
page-order-made = Created
page-order-kind = Shop
page-order-test = test, no real money
page-gateway-yookassa = YooKassa
page-stars = { $count ->
        [one] Telegram Star
       *[other] Telegram Stars
    }
page-gateway-stars = Telegram Stars
page-order-created = waiting for payment
page-order-asking = { page-order-created }
page-order-pending = { page-order-created }
page-order-canceled = cancelled
page-order-expired = expired
page-order-paid = paid
page-order-refunded-in-part = partly refunded
page-order-refunded = refunded
page-order-lead-asking = Your order is saved, but the payment page isn't ready: press “Go to payment”.
page-order-lead-silent = The payment service isn't responding. Your order is saved and you won't be charged twice. Try again in a minute.
page-order-lead-look-silent = { error-gateway-unavailable }
page-order-lead-pending = { $gateway ->
        [stars] Waiting for { $amount } until { $until }. Pay in the bot.
       *[yookassa] Waiting for { $amount } until { $until }. Paid already? This page updates by itself.
    }
page-order-lead-canceled = Payment declined: { $why }. You weren't charged.
page-order-lead-given-up = You cancelled this order. You weren't charged.
page-order-lead-expired = This order expired before it was paid. You weren't charged.
page-order-lead-paid = { $amount } paid.
page-order-lead-refunded-in-part = Part of the money was refunded.
page-order-lead-refunded = Refunded: { $amount }. The purchase is no longer active.
page-granted-term = { $state ->
        [over] The plan “{ $title }” ended on { $until }.
        [later] The plan “{ $title }” is yours from { $since } until { $until }.
       *[now] The plan “{ $title }” is yours until { $until }.
    }
page-granted-pack = { $state ->
        [over] { $what }: expired on { $until }.
        [until] { $what }: { $left } left, valid until { $until }.
       *[kept] { $what }: { $left } left, they don't expire.
    }
page-refund-done = { $amount } refunded, { $at }
page-refund-pending = Refunding { $amount }
page-check-now = Check now
page-order-cancel = Cancel order
page-buy-again = Try again
page-go-ask = Ask about a course
page-go-bot = Open the bot

page-pack-left = { $ends ->
        [yes] { $what } until { $until }
       *[no] { $what }
    }
page-extra-questions = Extra questions

page-orders-all = All orders
page-section-billing = Payments
page-any-state = any state
page-person-id = User ID or order no.
page-show = Show
page-no-payments-yet-hint = The first order appears here when someone buys something.
page-no-payments = No such orders
page-no-payments-hint = Choose another state, or check the user ID (see the “People” page) and the order number.
page-buyer-deleted = deleted their data
page-is-test = test

page-buyer = Who
page-order-id = Full order ID
page-gateway-id = YooKassa ID
page-why-canceled = Why it was cancelled
page-gateway-reason = YooKassa's response
page-to-person = View user
page-refunds = Refunds
page-no-refunds = There's nothing to refund.
page-refund-state-wanted = queued
page-refund-state-sending = being sent
page-refund-state-done = refunded
page-refund-state-refused = declined
page-refund-go = Refund, up to { $amount }
page-refund-hint = You can refund up to { $rest }. Leave blank to refund all of it. { $kind ->
    [pack] The same share of the questions is removed. Those already asked stay.
   *[plan] The same share of the time is removed.
}
page-refund-whole = All { $rest } will be refunded: Telegram refunds in full only.
page-refund-amount = Amount, ₽
page-refund-reason = Reason
page-refund-next = Continue to confirmation
page-refund-sure-title = Refund?
page-refund-sure = Refund { $amount }? Reason: “{ $reason }”. This can't be undone.
page-yes-refund = Yes, refund
page-refund-in-progress = The refund is being sent. This part updates by itself.
page-ledger = Payments of this order
page-no-entries = No payments yet.
page-entry-number = No.
page-entry-kind = Entry
page-entry-payment = payment
page-entry-grant = granted
page-entry-refund = refund
page-entry-revocation = revoked
page-entry-of = of { $number }
page-entry-by-billing = automatically
page-entry-by-user = by hand
page-entry-by-cli = by command
page-entry-by-yookassa = in YooKassa
page-entry-by-telegram = in Telegram
