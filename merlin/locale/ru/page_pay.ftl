# Страницы тарифов, оплаты и заказов.
page-nav-plans = Тарифы
page-plans = Тарифы
page-plans-lead = Читать можно всегда и бесплатно. От тарифа зависит, сколько вопросов можно задать модели.
page-plans-lead-none = Сколько вопросов можно задать модели. Покупать ничего не нужно: тариф для всех один.
page-nothing-sold = Покупать ничего не нужно
page-nothing-sold-hint = Спрашивайте сколько угодно: вопросы здесь не ограничены.
page-more-questions = Больше вопросов: тарифы
page-packs = Пакеты вопросов
page-packs-lead = Добавляются к любому тарифу и тратятся, когда его вопросы закончились.
page-plan-now = текущий тариф
page-plan-mine = куплен
page-plan-also = Ещё есть тариф «{ $plan }»: до { $day }.
page-plan-ended = Тариф «{ $plan }» закончился { $day }.
page-free = Бесплатно
page-for-everyone = для всех
page-or = или
page-buy = Купить
page-buy-more = Продлить
page-buy-stars = Купить за { $stars } в Telegram
page-buy-stars-write = Купить за { $stars } можно в боте: напишите ему { $command }.

page-brings-any = Вопросы любого вида без ограничений
page-brings-models = Модели: { $models }
page-lasts = на { $days }
page-lasts-pack = пока не кончатся
page-lasts-pack-days = действует { $days }
page-goods = «{ $title }»
page-goods-for = «{ $title }», { $days }

page-goods-renews = «{ $title }», каждые { $days }, продлевается сам
page-plan-renews = За звёзды тариф продлевается сам каждые 30 дней, отключить это можно в боте в любой момент.{ $roubles ->
        [yes] {" "}За рубли он покупается на 30 дней и сам не продлевается.
       *[no] {""}
    }
page-pay-once = Это оплата за 30 дней. Сам тариф не продлевается.
page-renewal = Автопродление
page-renewal-state = { $state ->
        [active] включено, следующее списание { $day }
        [canceled] отключено, тариф работает до { $day }
        [failed] Telegram не получил звёзды, тариф работает до { $day }
        [to-canceled] отключается в Telegram, тариф работает до { $day }
        [to-allowed] Telegram просят снова разрешить его, тариф работает до { $day }
       *[allowed] можно снова включить в Telegram, тариф работает до { $day }
    }
page-renewal-mine = Автопродление «{ $title }»: { $state }. Чтобы изменить это, напишите боту /plan.
page-renewal-off = Отключить автопродление
page-renewal-off-hint = Оплаченные дни останутся у покупателя, больше ничего не спишется, и бот ему об этом скажет. Уже оплаченное не возвращается.
page-renewal-off-yes = Да, отключить
page-renewal-on = Снова разрешить автопродление
page-renewal-on-hint = Бот скажет об этом покупателю, и тот сможет снова включить автопродление в Telegram.
page-renewal-on-yes = Да, разрешить

page-checkout = Оформление заказа: { $title }
page-receipt-to = Куда прислать чек
page-receipt-hint = Почта или телефон. Только для чека, без рекламы.
page-contact-none = { billing-no-contact }
page-contact-wrong = Проверьте почту или телефон. Например: anna@example.com или +7 916 123-45-67.
page-pay = Оплатить { $amount }
page-pay-plain = Оплатить
page-pay-again = Перейти к оплате
page-pay-busy = Открываем оплату…
page-pay-next = Откроется страница ЮKassa. После оплаты вы вернётесь сюда.
page-pay-test = Тестовый магазин: настоящие деньги не спишутся.
page-price-changed = Цена изменилась. Деньги не списаны, ниже новая сумма.
page-bought-already = Этот тариф уже оплачен, второй раз деньги не списаны. Нужны ещё дни — оплатите ещё раз.
page-adds-days = Этот тариф у вас уже есть. Новые дни начнутся { $day }, когда закончатся нынешние.
page-terms = Условия
page-not-on-sale = Здесь это сейчас не продаётся.
page-payment-opening = Открываем страницу оплаты
page-payment-opening-hint = Если она не открылась сама, нажмите кнопку. Деньги спишутся только там и только после вашего согласия.
page-payment-open = Открыть оплату
page-to-order = К заказу

page-my-orders = Мои заказы
page-no-orders = Заказов пока нет
page-no-orders-hint = Здесь появятся ваши заказы: оплаченные, неоплаченные и возвращённые.
page-order = Заказ № { $number }
page-order-amount = Сумма
page-order-gateway = Способ оплаты
page-order-made = Создан
page-order-kind = Магазин
page-order-test = тестовый, без настоящих денег
page-gateway-yookassa = ЮKassa
page-stars = { $count ->
        [one] звезда Telegram
        [few] звезды Telegram
       *[other] звёзд Telegram
    }
page-gateway-stars = звёзды Telegram
page-order-created = ждёт оплаты
page-order-asking = { page-order-created }
page-order-pending = { page-order-created }
page-order-canceled = отменён
page-order-expired = не оплачен вовремя
page-order-paid = оплачен
page-order-refunded-in-part = часть денег возвращена
page-order-refunded = деньги возвращены
page-order-lead-asking = Заказ сохранён, но страница оплаты ещё не готова: нажмите «Перейти к оплате».
page-order-lead-silent = Сервис оплаты не отвечает. Заказ сохранён, дважды деньги не спишутся. Попробуйте ещё раз через минуту.
page-order-lead-look-silent = { error-gateway-unavailable }
page-order-lead-pending = { $gateway ->
        [stars] Ждём { $amount } до { $until }. Оплатить можно в боте.
       *[yookassa] Ждём { $amount } до { $until }. Уже оплатили? Подождите минуту, страница обновится сама.
    }
page-order-lead-canceled = Оплата не прошла: { $why }. Деньги не списаны.
page-order-lead-given-up = Вы отменили этот заказ. Деньги не списаны.
page-order-lead-expired = Заказ не оплачен вовремя. Деньги не списаны.
page-order-lead-paid = Оплата { $amount } прошла.
page-order-lead-refunded-in-part = Часть денег возвращена.
page-order-lead-refunded = Деньги возвращены: { $amount }. Покупка больше не действует.
page-granted-term = { $state ->
        [over] Тариф «{ $title }» закончился { $until }.
        [later] Тариф «{ $title }» будет действовать с { $since } до { $until }.
       *[now] Тариф «{ $title }» действует до { $until }.
    }
page-granted-pack = { $state ->
        [over] { $what }: срок истёк { $until }.
        [until] { $what }: осталось { $left }, действуют до { $until }.
       *[kept] { $what }: осталось { $left }, срока нет.
    }
page-refund-done = Возвращено { $amount }, { $at }
page-refund-pending = Возвращаем { $amount }
page-check-now = Проверить сейчас
page-order-cancel = Отменить заказ
page-buy-again = Попробовать ещё раз
page-go-ask = Спросить по курсу
page-go-bot = Открыть бота

page-pack-left = { $ends ->
        [yes] { $what } до { $until }
       *[no] { $what }
    }
page-extra-questions = Вопросы сверх тарифа

page-orders-all = Все заказы
page-section-billing = Платежи
page-any-state = любое состояние
page-person-id = ID или № заказа
page-show = Показать
page-no-payments-yet-hint = Здесь появится первый заказ.
page-no-payments = Таких заказов нет
page-no-payments-hint = Выберите другое состояние или проверьте ID пользователя (он есть на странице «Люди») и номер заказа.
page-buyer-deleted = удалил свои данные
page-is-test = тестовый

page-buyer = Кто
page-order-id = Полный ID заказа
page-gateway-id = ID в ЮKassa
page-why-canceled = Причина отмены
page-gateway-reason = Ответ ЮKassa
page-to-person = Открыть пользователя
page-refunds = Возвраты
page-no-refunds = Возвращать нечего.
page-refund-state-wanted = в очереди
page-refund-state-sending = отправляется
page-refund-state-done = возвращено
page-refund-state-refused = отклонён
page-refund-go = Вернуть деньги, до { $amount }
page-refund-hint = Можно вернуть до { $rest }. Пустое поле — вся сумма. { $kind ->
    [pack] Вопросов в пакете станет меньше на ту же долю. Уже заданные не в счёт.
   *[plan] Срок сократится на ту же долю.
}
page-refund-whole = Вернём всю сумму, { $rest }: вернуть часть Telegram не позволяет.
page-refund-amount = Сумма, ₽
page-refund-reason = Причина
page-refund-next = Перейти к подтверждению
page-refund-sure-title = Вернуть деньги?
page-refund-sure = Вернуть { $amount }? Причина: «{ $reason }». Отменить возврат нельзя.
page-yes-refund = Да, вернуть
page-refund-in-progress = Деньги отправляются. Эта часть обновится сама.
page-ledger = Платежи по заказу
page-no-entries = Движений по заказу нет.
page-entry-number = №
page-entry-kind = Запись
page-entry-payment = платёж
page-entry-grant = выдано
page-entry-refund = возврат
page-entry-revocation = отозвано
page-entry-of = к { $number }
page-entry-by-billing = автоматически
page-entry-by-user = вручную
page-entry-by-cli = командой
page-entry-by-yookassa = в ЮKassa
page-entry-by-telegram = в Telegram
