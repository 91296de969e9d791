format-text = text
format-voice = voice
format-photo = photos
format-document = documents
quota-no-plan = Plan { $plan } not found in the configuration. A pack isn't a plan: choose a plan
error-gateway = Payment declined. You weren't charged. Try another method or write to /paysupport
error-gateway-unavailable = The payment service isn't responding. Your order is saved and you won't be charged twice. We'll keep checking. Look here again in a few minutes.
billing-not-sold = The plan “{ $en }” isn't on sale right now. Choose another plan.
billing-not-sold-this-way = This plan can't be paid for this way. Choose another payment method.
billing-no-contact = Enter an email address or phone number for the receipt.
billing-too-many = You have too many unpaid orders. Pay or cancel one to make a new one.
billing-no-purchase = Order not found. Open the list of orders again.
billing-no-payment = Payment not found in the payments ledger. Open its order again.
billing-refund-too-much = You can refund up to { $rest } of this payment.
billing-refund-done = This payment has already been refunded in full.
billing-refund-stars = Stars are refunded in full only.
billing-refund-under-way = This refund is already in progress. We'll let you know.
billing-refund-no-contact = A refund of a part needs a receipt, and this order has no email address or phone number to send it to. Nothing was refunded. Refund the whole amount, or make the refund in YooKassa, with a receipt.
billing-refund-left = The buyer deleted all their data, so the Stars can't be refunded.
billing-refund-reason = Enter a reason for the refund: it's saved with the order.
billing-refund-long-reason = The reason is longer than { $most } characters. Shorten it.
payment-reason = no reason given
payment-reason-3d-secure-failed = the 3-D Secure check failed; try again or use another card
payment-reason-call-issuer = your bank asks you to call: its number is on the back of the card
payment-reason-canceled-by-merchant = we cancelled the payment
payment-reason-card-expired = the card has expired; try another one
payment-reason-country-forbidden = cards from this country aren't accepted; try another one
payment-reason-deal-expired = the payment expired
payment-reason-expired-on-capture = the payment wasn't completed in time, and the money was returned to the card
payment-reason-expired-on-confirmation = the payment wasn't confirmed in time
payment-reason-fraud-suspected = the bank or payment service found the payment suspicious; try another card
payment-reason-general-decline = the bank gave no reason; ask your bank or try another card
payment-reason-given-up = the buyer cancelled the order
payment-reason-identification-required = the wallet must be verified with a passport first
payment-reason-insufficient-funds = insufficient funds; top up or try another card
payment-reason-internal-timeout = the payment service took too long; try again
payment-reason-invalid-card-number = the card number is wrong
payment-reason-invalid-csc = the code from the back of the card is wrong
payment-reason-issuer-unavailable = your bank can't be reached; try later or use another card
payment-reason-payment-method-limit-exceeded = the card's payment limit is exceeded; try another one
payment-reason-payment-method-restricted = payments with this card aren't allowed; ask your bank or try another one
payment-reason-unsupported-mobile-operator = payments from this mobile operator aren't accepted
notice-paid = Thank you! Paid: “{ $en }”, { $amount }. { $at ->
        [none] You can ask now.
       *[other] The plan is yours until { $at }.
    } What's left: /plan
notice-paid-again = Order { $purchase }, “{ $en }”, had been paid already: this { $amount } is a second payment for it. You get it too, on top of the first. To get the money back, write /paysupport. What's left: /plan
notice-subscribed = Thank you! Paid: “{ $en }”, { $amount }. The plan is yours and renews by itself on { $at }. Cancel any time: /plan
notice-renewed = Renewed: “{ $en }”, { $amount }. It renews again on { $at }. Cancel any time: /plan
notice-renewal-on = Auto-renewal of “{ $en }” is on: next on { $at }, { $amount }. Cancel any time: /plan
notice-renewal-off = Auto-renewal of “{ $en }” is off. The plan works until { $at }, and you won't be charged again. Changed your mind? /plan
notice-renewal-allowed = Telegram lets you turn auto-renewal of “{ $en }” on again: Settings, My Stars. Otherwise the plan works until { $at }.
notice-renewal-failed = “{ $en }” couldn't be renewed: Telegram didn't get { $amount }. The plan works until { $at }. Top up your Stars in Telegram, or buy the plan again: /plan
notice-renewal-refused = Telegram didn't change auto-renewal of “{ $en }”. You can do it in Telegram: Settings, My Stars. The plan works until { $at }. The admins know.
notice-renewal-stays = Telegram didn't change the auto-renewal of order { $purchase }: { $reason }. If a payment comes that the buyer doesn't want, refund it.
notice-renewal-gone = Telegram charged { $amount } for another month of “{ $en }” (order { $purchase }), but the configuration has no such plan. It gives nothing: refund it. Auto-renewal is being turned off.
notice-renewal-nothing = Telegram charged { $amount } for another month of “{ $en }”, but this plan is gone. Auto-renewal is being turned off, and the admins know. To get the money back, write /paysupport
notice-renewal-unread = Telegram reports something about an auto-renewal of user { $user } that we can't read: state “{ $state }”, order “{ $payload }”. Nothing was changed. Compare with the user's subscriptions in Telegram.
billing-renews-already = This plan renews by itself already. You weren't charged. See when, or turn that off: /plan
billing-renewal-over = This auto-renewal is over. Buy the plan again: /plan
notice-payment-canceled = Payment declined: { $reason }. You weren't charged. Order: “{ $en }”, { $amount }. Try again: /plan
notice-refunded-part = Partly refunded: “{ $en }”, { $amount }. The plan or pack gets smaller by that part. What's left: /plan. Cards take a few days, Stars are instant.
notice-refunded = Refunded: “{ $en }”, { $amount }. Cards take a few days, Stars are instant.
notice-paid-nobody = Order { $purchase } was paid ({ $amount }), but its buyer deleted all their data. Refund it.
notice-payment-wrong = Payment { $payment } doesn't match order { $purchase }: { payment-differs }. Nothing was granted. Check it in YooKassa.
notice-payment-undone = Payment { $payment } of order { $purchase } was paid and granted, and YooKassa now says it was cancelled. Nothing was taken back. Check it in YooKassa. You can change the user's plan on their page.
notice-stars-wrong = Payment { $payment } in Stars doesn't match order { $purchase }: { payment-differs }. Nothing was granted. The user knows you'll look into it.
payment-differs = { $differs ->
        [id] the order has another payment
        [currency] the currency is different
        [amount] the amount is different
        [order] it's for another order
        [user] someone else paid
       *[test] only one of them is a test
    }
notice-answers-day = Today's answers cost { $spent }: the limit of { $cap } is reached (budget.answers.per_day in config.yaml). Questions are declined until { $until }.
guard-day = The bot has reached today's limit. Ask again after { $until }. This question isn't counted.
openai-guard-day = { guard-day }
account-did-plan-days = { $user }: plan { $plan } until { $until }
billing-not-paid = This order isn't paid, so there's nothing to refund.
billing-which-grant = The order was paid several times. Refund it on its page, where you choose the payment: /admin/billing/{ $order }
billing-several-orders = Several orders have such a number: { $orders }. Type more of it.
billing-refund-started = The refund of { $amount } is saved. Its state is on the page of the order: /admin/billing/{ $order }
billing-refund-sure = Refund { $amount } to user { $user } (plan { $plan }) and remove the purchase?
billing-refund-not-sure = Nothing was refunded. To skip this question: --yes
billing-no-amount = { $said } isn't an amount: write roubles as 149.50, Stars as a whole number.
billing-checked = { $payments ->
    [one] { $payments } payment
   *[other] { $payments } payments
    } at YooKassa, differences: { $found }
billing-renewals = Auto-renewals in Stars: on { $active }, off { $canceled }, failed { $failed }, allowed again { $allowed }
billing-col-gateway-id = payment ID
billing-col-ledger = in the ledger
billing-col-theirs = at the payment service
