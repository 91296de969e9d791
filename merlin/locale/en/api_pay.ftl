# Paying by card, SBP or wallet: what the cashier says to buyers and to admins.
pay-description = { $title }: access to Merlin
pay-no-shop = Card payments aren't available here. You can buy the same in Telegram with Stars: /plan
pay-in-stars = This order is paid with Stars in Telegram: /plan
pay-order-closed = This order is closed and can no longer be paid. Place a new one: it takes a minute. If you were charged for it anyway, the purchase will appear automatically.

notice-gateway-list = YooKassa's list of payments or refunds doesn't end. Merlin stops reading it, so a refund may wait. Nothing is paid twice. Ask YooKassa's support.
notice-gateway-key = YooKassa rejects our credentials ({ $reason }): no one can pay in roubles. Check the shop ID and secret key.
notice-refund-refused = YooKassa didn't refund { $amount } of order { $purchase }: { $reason }. Nothing was charged or removed. Try the refund again, or make it in YooKassa.

notice-plan-ends = The plan “{ $en }” ends on { $at }. To keep it, buy it again: /plan
