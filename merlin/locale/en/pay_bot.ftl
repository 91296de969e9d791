# Plans in the bot: what there is, what may be bought, payment in Stars, refunds.
pay-title-until = Plan “{ $title }” until { $at }
pay-title-then = Plan “{ $title }” until { $at }, then “{ $then }”
pay-other = You also have the plan “{ $title }”: until { $at }
pay-extra-questions = Extra questions:
pay-pack-left = • { $what }, no expiry
pay-pack-left-until = • { $what }, until { $at }
pay-choose = Need more? Choose a plan or a question pack.
pay-pack-text = { $count ->
        [one] { NUMBER($count) } text question
       *[other] { NUMBER($count) } text questions
    }
pay-pack-voice = { $count ->
        [one] { NUMBER($count) } voice question
       *[other] { NUMBER($count) } voice questions
    }
pay-pack-photo = { $count ->
        [one] { NUMBER($count) } question with a photo
       *[other] { NUMBER($count) } questions with a photo
    }
pay-pack-document = { $count ->
        [one] { NUMBER($count) } question with a document
       *[other] { NUMBER($count) } questions with a document
    }
pay-brings-days = The plan for { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }. What's included: /plan
pay-brings-month = The plan for 30 days, renewed by itself until you turn that off. What's included: /plan
pay-brings-pack-days = Extra questions: { $what }. Use them within { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }
pay-allows-none = not included
pay-allows-none-text = No text questions
pay-allows-none-voice = No voice questions
pay-allows-none-photo = No photos
pay-allows-none-document = No documents
pay-allows-any = unlimited
pay-allows-any-text = Unlimited text questions
pay-allows-any-voice = Unlimited voice questions
pay-allows-any-photo = Unlimited questions with a photo
pay-allows-any-document = Unlimited questions with a document
pay-allows-day = { $what } a day
pay-allows-month = { $what } a month
pay-allows-both = { $what } a day, up to { $most } a month
pay-line = • { $kind }: { $new } (now { $old })
pay-line-same = • { $kind }: { $new }, as now
pay-pack = Extra questions: { $what }
pay-lasts = • Lasts { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }
pay-lasts-pack = • Use within { $days ->
        [one] { NUMBER($days) } day
       *[other] { NUMBER($days) } days
    }
pay-from = You already have this plan. The new days start on { $at }, when the current ones end.
pay-bigger-plan-first = While “{ $title }” lasts, questions come from it: it's bigger.
pay-price = Price: { $price }
pay-a-month = { $price } a month
pay-price-renews = Price: { $price }, renews by itself, cancel any time here: /plan.{ $roubles ->
        [yes] {" "}Paid in roubles, it lasts 30 days and doesn't renew.
       *[no] {""}
    }
pay-button-subscribe = Subscribe for { $price }
pay-subscribe = { pay-a-month }. Tap the button: Telegram shows the amount and asks you to confirm. The plan then renews by itself every 30 days. You can turn that off on any day in /plan and keep the days you've paid for.
pay-renewal = { $state ->
        [active] “{ $title }” renews by itself: { pay-a-month }, next on { $at }. Cancel any time here.
        [canceled] Auto-renewal of “{ $title }” is off. The plan works until { $at }, and you won't be charged again.
        [failed] “{ $title }” couldn't be renewed: Telegram didn't get the Stars. The plan works until { $at }.
        [to-canceled] I'm turning auto-renewal of “{ $title }” off in Telegram. The plan works until { $at }.
        [to-allowed] I'm asking Telegram to allow auto-renewal of “{ $title }” again. The plan works until { $at }.
       *[allowed] You can turn auto-renewal of “{ $title }” on again in Telegram: Settings, My Stars. Otherwise the plan works until { $at }.
    }
pay-button-renewal = Auto-renewal of “{ $title }”
pay-button-renewal-off = Turn off auto-renewal
pay-button-renewal-on = Turn on again
pay-button-buy = Buy for { $price }
pay-button-roubles = Pay on our site: { $price }
pay-button-order = Pay for “{ $title }” · { $price }
pay-button-purchases = Orders of this user
pay-invoice-below = The invoice is below
pay-invoice-above = The invoice is already in the chat, a little above
pay-no-invoice = Telegram couldn't create an invoice. You weren't charged. Please try again a little later.
pay-refused-unknown = Order not found. You weren't charged. See plans: /plan
pay-refused-not-yours = This invoice is for someone else. You weren't charged. Get your own in /plan
pay-refused-blocked = An admin has blocked you. You weren't charged.
pay-refused-paid = This order is already paid. You weren't charged again.
pay-refused-old = This invoice has expired. You weren't charged. Get a new one in /plan
pay-refused-price = The price has changed. You weren't charged. Get a new invoice in /plan
pay-refused-broken = Something broke on my side. You weren't charged. Please try again in a minute.
pay-no-orders = You have no orders yet.
pay-orders = Your orders, newest first:
pay-order = • { $at } · “{ $title }” · { $price } · { $state } · no. { $number }
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
        [beyond] of your extra ones
        [day] for today
       *[month] for this month
    }. More: /plan]
pay-bought = Recent orders of this user:
notice-stars-unknown = Stars arrived without an order: { NUMBER($stars) } ⭐ from user { $user }, payment { $charge }, the invoice said “{ $payload }”. Nothing was granted. The user knows you'll look into it.
notice-stars-odd = We got your payment of { NUMBER($stars) } ⭐ but can't match it to an order. We're on it. No answer in a day? /paysupport
notice-payment-unread = Telegram reports a payment by user { $user } that we can't read (update { $update }). Nothing was granted.
pay-button-order-of = This order
pay-gateway-stars = Telegram Stars
pay-gateway-yookassa = YooKassa
notice-stars-refused = Telegram didn't refund { $amount } for order { $purchase }: { $reason }. Nothing was removed.
