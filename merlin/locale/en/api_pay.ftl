# Paying by card, SBP or wallet: what the cashier says to buyers and to admins.
pay-description = { $title }: access to Merlin
pay-no-shop = Card payments are not available here. You can buy the same in Telegram with Stars: /plan
pay-in-stars = This order is paid with Stars in Telegram: /plan
pay-automatic-renewal = This order renews a plan and is paid automatically with the saved payment method. You can turn auto-renewal off in /plan
pay-order-closed = This order is closed and can no longer be paid. Make a new one: it takes a minute. If you were charged for it anyway, the purchase will appear automatically.
pay-not-open = This order no longer needs payment.
pay-no-renewal = Auto-renewal not found, or it is already off.

notice-gateway-key = YooKassa rejects our credentials ({ $reason }): no one can pay in roubles. Check the shop ID and secret key.
notice-payment-unknown = YooKassa has a payment { $payment } of { $amount } for order { $purchase }, but this order isn't here. Nothing was granted. If another Merlin uses the same shop, the order is there; otherwise refund it in YooKassa.
notice-refund-refused = YooKassa didn't refund { $amount } of order { $purchase }: { $reason }. Nothing was charged or removed. Try the refund again, or make it in YooKassa.

notice-renewal-soon = The plan “{ $en }” renews soon: on { $at } { $amount } will be charged to your saved payment method. You can turn this off in /plan
notice-renewal-soon-stars = The plan “{ $en }” renews soon: on { $at } Telegram will charge { $amount }. You can turn this off in /plan
notice-renewal-failed = The plan “{ $en }” couldn't be renewed: { $reason }. We'll try again in a day, or you can pay now: /plan
notice-renewal-over = The plan “{ $en }” couldn't be renewed: { $reason }. We won't try again, and you won't be charged. You can come back to it at any time: /plan
notice-renewal-gone = The plan “{ $en }” no longer auto-renews, so it wasn't renewed. You weren't charged. See the plans: /plan
notice-renewal-gone-stars = The plan “{ $en }” no longer auto-renews. You won't be charged. See the plans: /plan
notice-renewal-unpaid = Auto-renewal of the plan “{ $en }” is off: Telegram didn't get the Stars for the next month. To turn it on, buy the plan again: /plan
notice-plan-ends = The plan “{ $en }” ends on { $at } and won't auto-renew. See plans: /plan
