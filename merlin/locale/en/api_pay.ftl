# Paying by card, SBP or wallet: what the cashier says to buyers and to admins.
pay-words = { $title }: access to Merlin
pay-no-shop = Paying in roubles is not set up here. In Telegram the same is sold for Stars: /plan
pay-in-stars = This order is paid in Stars within Telegram: /plan
pay-by-itself = This order renews a plan and is paid by itself, by the saved method. The renewal can be turned off in /plan
pay-order-over = This order is closed and cannot be paid any more. Order anew: it takes a minute. If money was taken for it all the same, what you bought will come by itself.
pay-not-open = This order does not wait to be paid any more.
pay-nothing-paid = Nothing was paid for this order, so nothing can go back.
pay-no-renewal = You have no such renewal, or it is off already.

notice-till-key = YooKassa does not take our credentials ({ $reason }): nobody can pay in roubles. Check the shop's number and secret key.
notice-payment-unknown = YooKassa lists a paid payment { $payment } of { $amount } for the order { $purchase }, which is not here. Nothing was granted. If another Merlin uses the same shop, the order is its own; else return the money in YooKassa's office.
notice-refund-refused = YooKassa did not return { $amount } of order { $purchase }: { $reason }. Nothing was taken or revoked. Decide what to do, then refund again, or do it in YooKassa's own office.

notice-renewal-soon = The plan “{ $en }” is renewed soon: on { $at } { $amount } will be taken by the method that you saved. If you do not want that, turn it off in /plan
notice-renewal-soon-stars = The plan “{ $en }” is renewed soon: on { $at } Telegram will take { $amount }. If you do not want that, turn it off in /plan
notice-renewal-failed = The plan “{ $en }” could not be renewed. The reason: { $reason }. We will try again in a day. No need to wait, you can pay yourself: /plan
notice-renewal-over = The plan “{ $en }” could not be renewed. The reason: { $reason }. We will not try again, and no money will be taken. You can come back to the plan whenever you like: /plan
notice-renewal-gone = The plan “{ $en }” is not sold any more, so it is not renewed. No money was taken. What there is now: /plan
notice-plan-ends = The plan “{ $en }” ends on { $at }. It is not renewed by itself. What there is now: /plan
