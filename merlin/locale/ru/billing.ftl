format-text = текст
format-voice = голос
format-photo = фото
format-document = документы
quota-no-plan = Тарифа { $plan } в настройках нет. Пакет — не тариф: выберите тариф
error-gateway = Оплата не прошла, деньги не списаны. Попробуйте другой способ или напишите нам: /paysupport
error-gateway-unavailable = Сервис оплаты не отвечает. Заказ сохранён, дважды деньги не спишутся. Проверим сами, загляните через несколько минут.
billing-not-sold = Тариф «{ $ru }» сейчас не продаётся. Выберите другой тариф.
billing-not-sold-this-way = Этим способом тариф не оплатить. Выберите другой способ оплаты.
billing-no-contact = Укажите почту или телефон: туда придёт чек.
billing-too-many = У вас слишком много неоплаченных заказов. Оплатите или отмените один из них, чтобы сделать новый.
billing-no-purchase = Заказ не найден. Откройте список заказов ещё раз.
billing-no-payment = Платёж в реестре платежей не найден. Откройте его заказ ещё раз.
billing-refund-too-much = По этому платежу можно вернуть не больше { $rest }.
billing-refund-done = Деньги по этому платежу уже возвращены полностью.
billing-refund-stars = Звёзды возвращаются только целиком.
billing-refund-under-way = Возврат уже выполняется. Сообщим, когда он завершится.
billing-refund-no-contact = Для возврата части нужен чек, а отправить его некуда: в заказе нет ни почты, ни телефона. Ничего не возвращено. Верните всю сумму или сделайте возврат в ЮKassa, вместе с чеком.
billing-refund-left = Покупатель удалил все свои данные, поэтому звёзды вернуть некому.
billing-refund-reason = Укажите причину возврата: она сохранится в заказе.
billing-refund-long-reason = Причина длиннее { $most } знаков. Сократите её.
payment-reason = причина не указана
payment-reason-3d-secure-failed = проверка 3-D Secure не пройдена; попробуйте ещё раз или другую карту
payment-reason-call-issuer = банк просит позвонить: телефон на обороте карты
payment-reason-canceled-by-merchant = оплату отменили мы
payment-reason-card-expired = срок действия карты истёк; попробуйте другую
payment-reason-country-forbidden = карты этой страны здесь не принимают; попробуйте другую
payment-reason-deal-expired = время оплаты истекло
payment-reason-expired-on-capture = оплата не завершена вовремя, деньги вернулись на карту
payment-reason-expired-on-confirmation = оплата не подтверждена вовремя
payment-reason-fraud-suspected = банк или сервис оплаты счёл платёж подозрительным; попробуйте другую карту
payment-reason-general-decline = банк не назвал причину; спросите у него или попробуйте другую карту
payment-reason-given-up = заказ отменил покупатель
payment-reason-identification-required = кошелёк нужно сначала подтвердить паспортом
payment-reason-insufficient-funds = недостаточно средств; пополните счёт или попробуйте другую карту
payment-reason-internal-timeout = сервис оплаты не успел провести платёж; попробуйте ещё раз
payment-reason-invalid-card-number = номер карты введён неверно
payment-reason-invalid-csc = код с оборота карты введён неверно
payment-reason-issuer-unavailable = банк сейчас недоступен; попробуйте позже или другую карту
payment-reason-payment-method-limit-exceeded = превышен лимит платежей по карте; попробуйте другую
payment-reason-payment-method-restricted = операции по карте запрещены; спросите у банка или попробуйте другую
payment-reason-unsupported-mobile-operator = оплата с телефона этого оператора не принимается
notice-paid = Спасибо! Оплата прошла: «{ $ru }», { $amount }. { $at ->
        [none] Можно спрашивать.
       *[other] Тариф действует до { $at }.
    } Остаток: /plan
notice-paid-again = Заказ { $purchase }, «{ $ru }», уже был оплачен: { $amount } — второй платёж за него. По нему тоже всё выдано, вдобавок к первому. Чтобы вернуть деньги, напишите /paysupport. Остаток: /plan
notice-subscribed = Спасибо! Оплачено: «{ $ru }», { $amount }. Тариф ваш и продлится сам { $at }. Отключить это можно в любой момент: /plan
notice-renewed = Продлено: «{ $ru }», { $amount }. Следующее списание { $at }. Отключить это можно в любой момент: /plan
notice-renewal-on = Автопродление «{ $ru }» включено: следующее списание { $at }, { $amount }. Отключить можно в любой момент: /plan
notice-renewal-off = Автопродление «{ $ru }» отключено. Тариф работает до { $at }, больше ничего не спишется. Передумали? /plan
notice-renewal-allowed = Telegram разрешает снова включить автопродление «{ $ru }»: «Настройки», «Мои звёзды». Иначе тариф работает до { $at }.
notice-renewal-failed = «{ $ru }» продлить не удалось: Telegram не получил { $amount }. Тариф работает до { $at }. Пополните звёзды в Telegram или купите тариф ещё раз: /plan
notice-renewal-refused = Telegram не изменил автопродление «{ $ru }». Это можно сделать в Telegram: «Настройки», «Мои звёзды». Тариф работает до { $at }. Администраторы знают.
notice-renewal-stays = Telegram не изменил автопродление заказа { $purchase }: { $reason }. Если придёт оплата, которая покупателю не нужна, верните её.
notice-renewal-gone = Telegram списал { $amount } за новый месяц «{ $ru }» (заказ { $purchase }), но такого тарифа в настройках нет. Оплата ничего не даёт: верните её. Автопродление отключается.
notice-renewal-nothing = Telegram списал { $amount } за новый месяц «{ $ru }», но этого тарифа больше нет. Автопродление отключается, администраторы знают. Чтобы вернуть деньги, напишите: /paysupport
notice-renewal-unread = Telegram сообщает об автопродлении пользователя { $user } что-то непонятное: состояние «{ $state }», заказ «{ $payload }». Ничего не изменилось. Сверьте с подписками этого человека в Telegram.
billing-renews-already = Этот тариф уже продлевается сам. Деньги не списаны. Когда, и как отключить: /plan
billing-renewal-over = Это автопродление закончилось. Купите тариф ещё раз: /plan
notice-payment-canceled = Оплата не прошла: { $reason }. Деньги не списаны. Заказ: «{ $ru }», { $amount }. Попробовать ещё раз: /plan
notice-refunded-part = Возвращена часть денег: «{ $ru }», { $amount }. Тариф или пакет уменьшился на эту часть; что осталось: /plan. На карту деньги приходят за несколько дней, звёзды — сразу.
notice-refunded = Деньги возвращены: «{ $ru }», { $amount }. На карту они приходят за несколько дней, звёзды — сразу.
notice-paid-nobody = Заказ { $purchase } оплачен ({ $amount }), но покупатель удалил все свои данные. Верните деньги.
notice-payment-wrong = Платёж { $payment } не сходится с заказом { $purchase }: { payment-differs }. Ничего не выдано. Проверьте его в кабинете ЮKassa.
notice-payment-undone = Платёж { $payment } по заказу { $purchase } был оплачен и выдан, а теперь ЮKassa называет его отменённым. Ничего не отозвано. Проверьте его в кабинете ЮKassa; тариф пользователя можно изменить на его странице.
notice-stars-wrong = Платёж звёздами { $payment } не сходится с заказом { $purchase }: { payment-differs }. Ничего не выдано; пользователю отправлено уведомление, что вы разберётесь.
payment-differs = { $differs ->
        [id] у заказа уже есть другой платёж
        [currency] валюта другая
        [amount] сумма другая
        [order] он за другой заказ
        [user] оплатил другой человек
       *[test] тестовый только один из них
    }
notice-answers-day = Ответы за сегодня стоили { $spent }: лимит { $cap } достигнут (budget.answers.per_day в config.yaml). До { $until } вопросы отклоняются.
guard-day = Бот исчерпал дневной лимит ответов. Снова можно после { $until }; этот вопрос не засчитан.
openai-guard-day = { guard-day }
account-did-plan-days = { $user }: тариф { $plan } до { $until }
billing-not-paid = Этот заказ не оплачен: возвращать нечего.
billing-which-grant = Заказ оплачен несколько раз. Верните деньги на его странице, там выбирается оплата: /admin/billing/{ $order }
billing-several-orders = Так начинаются несколько заказов: { $orders }. Укажите больше цифр номера.
billing-refund-started = Возврат { $amount } сохранён. Что с ним — на странице заказа: /admin/billing/{ $order }
billing-refund-sure = Вернуть { $amount } пользователю { $user } (тариф { $plan }) и отозвать покупку?
billing-refund-not-sure = Ничего не возвращено. Чтобы не спрашивать: --yes
billing-no-amount = { $said } — не сумма: рубли пишутся как 149.50, звёзды — целым числом.
billing-checked = { $payments ->
    [one] { $payments } платёж
    [few] { $payments } платежа
   *[many] { $payments } платежей
    } в ЮKassa, расхождений: { $found }
billing-renewals = Автопродление за звёзды: включено { $active }, отключено { $canceled }, не удалось { $failed }, снова разрешено { $allowed }
billing-col-gateway-id = ID платежа
billing-col-ledger = в реестре
billing-col-theirs = в сервисе оплаты
