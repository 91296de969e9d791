# Страницы планов, оплаты и заказов.
page-nav-plans = Планы
page-plans = Планы
page-plans-lead = Читать материалы можно всегда и бесплатно. Планы говорят, сколько вопросов можно задать модели.
page-plans-lead-none = Сколько вопросов можно задать модели. Купить здесь ничего нельзя: все пользуются тем, что есть.
page-nothing-sold = Покупать ничего не нужно
page-nothing-sold-hint = Спрашивайте сколько угодно: вопросы здесь не ограничены.
page-more-questions = Больше вопросов: планы
page-packs = Наборы вопросов
page-packs-lead = Добавляются к любому плану и тратятся, когда его вопросы закончились.
page-plan-now = ваш сейчас
page-plan-mine = есть у вас
page-mine-until = до { $day }
page-mine-renewed = до { $day }, потом продлится
page-mine-always = без срока
page-plan-also = Есть и план «{ $plan }»: до { $day }.
page-for-nothing = Бесплатно
page-for-everybody = для всех
page-or = или
page-may-renew = Может продлеваться сам
page-buy = Купить
page-buy-more = Продлить
page-buy-stars = Купить за { $stars } в Telegram
page-buy-stars-write = Купить за { $stars } можно в боте: напишите ему { $command }.
page-try = Попробовать: { $days }
page-tried = План «{ $plan }» ваш: { $until }.

page-brings-any = Вопросы любого вида без счёта
page-brings-text =
    { $count ->
        [one] { $said } вопрос текстом
        [few] { $said } вопроса текстом
       *[other] { $said } вопросов текстом
    }
page-brings-voice =
    { $count ->
        [one] { $said } голосовой вопрос
        [few] { $said } голосовых вопроса
       *[other] { $said } голосовых вопросов
    }
page-brings-photo =
    { $count ->
        [one] { $said } вопрос с фотографией
        [few] { $said } вопроса с фотографией
       *[other] { $said } вопросов с фотографией
    }
page-brings-document =
    { $count ->
        [one] { $said } вопрос с документом
        [few] { $said } вопроса с документом
       *[other] { $said } вопросов с документом
    }
page-brings-day = { $what } в день
page-brings-month = { $what } в месяц
page-brings-both = { $what } в день, не больше { $most } в месяц
page-brings-any-text = Вопросы текстом без счёта
page-brings-any-voice = Голосовые вопросы без счёта
page-brings-any-photo = Вопросы с фотографией без счёта
page-brings-any-document = Вопросы с документом без счёта
page-brings-no-text = Без вопросов текстом
page-brings-no-voice = Без голосовых вопросов
page-brings-no-photo = Без фотографий
page-brings-no-document = Без документов
page-brings-sessions =
    { $count ->
        [one] Хранится { $count } разговор
        [few] Хранятся { $count } разговора
       *[other] Хранится { $count } разговоров
    }
page-brings-window = Разговор длиной до { $said } токенов
page-brings-models = Модели: { $models }
page-brings-courses = Только по курсам: { $courses }
page-lasts = на { $days }
page-lasts-pack = пока не кончатся
page-lasts-pack-days = действует { $days }
page-goods = «{ $title }»
page-goods-for = «{ $title }», { $days }

page-checkout = Покупка: { $title }
page-what-you-buy = Что вы покупаете
page-total = Итого
page-have-code = Есть код?
page-promo = Код
page-promo-apply = Применить
page-promo-use = Использовать
page-promo-saves = Скидка { $percent } % по коду { $code }
page-promo-gives-days = Этот код даёт дни плана без оплаты: введите его на странице планов.
page-payment = Оплата
page-receipt-to = Куда прислать чек
page-receipt-hint = Почта или телефон. Только для чека: писем и звонков не будет.
page-contact-none = Напишите почту или телефон: без них касса не пришлёт чек.
page-contact-wrong = Это не похоже ни на почту, ни на телефон. Например: anna@example.com или +7 916 123-45-67.
page-days-every =
    { $count ->
        [one] каждый { $count } день
        [few] каждые { $count } дня
       *[other] каждые { $count } дней
    }
page-consent = Продлевать самому: { $price } { $days } с того же способа оплаты, за день до конца срока, пока я не остановлю. Остановить можно в любой момент в «Моём кабинете»{ $told ->
        [yes] ; за три дня до списания бот напомнит
       *[no] {""}
    }. Без галочки ничего не спишется.
page-pay = Оплатить { $amount }
page-pay-plain = Оплатить
page-pay-again = Перейти к оплате
page-pay-busy = Открываю оплату…
page-pay-next = Откроется страница ЮKassa; после оплаты вы вернётесь сюда, и купленное сразу станет вашим.
page-pay-test = Магазин проверочный: настоящие деньги не спишутся.
page-price-changed = Пока вы смотрели, цена изменилась. Ничего не списано; вот новая сумма.
page-terms = Условия
page-by-stars = Звёздами в Telegram
page-by-stars-hint = То же самое продаёт бот за звёзды Telegram.
page-not-here = Здесь это сейчас не продаётся.
page-leading = Открываю страницу оплаты
page-leading-hint = Если она не открылась сама, нажмите кнопку. Деньги спишутся только там и только после вашего согласия.
page-leading-go = Открыть оплату
page-to-order = К заказу

page-my-orders = Мои заказы
page-no-orders = Заказов ещё не было
page-no-orders-hint = Здесь будет всё, что вы купите: что оплачено, что ждёт, что вернулось.
page-orders-more = Показаны последние 100 заказов.
page-order = Заказ { $number }
page-order-facts = Подробности
page-order-sum = Сумма
page-order-till = Чем платят
page-order-made = Создан
page-order-kind = Магазин
page-order-test = проверочный, не за настоящие деньги
page-till-yookassa = ЮKassa
page-till-stars = звёзды Telegram
page-order-created = ждёт оплаты
page-order-asking = ждёт оплаты
page-order-pending = ждёт оплаты
page-order-held = деньги получены
page-order-canceled = отменён
page-order-expired = время вышло
page-order-paid = оплачен
page-order-refunded-in-part = возвращена часть
page-order-refunded = деньги возвращены
page-order-lead-asking = Заказ сохранён. Страницы оплаты ещё нет: нажмите «Перейти к оплате».
page-order-lead-silent = Касса сейчас не отвечает. Деньги не списаны, заказ сохранён: попробуйте ещё раз, он останется одним.
page-order-lead-look-silent = Касса пока молчит. Если вы уже заплатили, ничего не потеряется: мы посмотрим ещё раз сами.
page-order-lead-pending = { $till ->
        [stars] Ждём { $amount } до { $until }. Счёт оплачивают в боте.
       *[yookassa] Ждём { $amount } до { $until }. Если вы уже заплатили, подождите немного: мы смотрим, и эта страница обновится сама.
    }
page-order-lead-held = { $amount } получены. Ждём, пока касса подтвердит: эта страница обновится сама.
page-order-lead-canceled = Оплата не прошла, деньги не списаны: { $why }.
page-order-lead-given-up = Вы отменили этот заказ. Деньги не списаны.
page-order-lead-expired = Этот заказ не оплатили вовремя. Деньги не списаны.
page-order-lead-paid = Спасибо! { $amount } получены, купленное уже ваше.
page-order-lead-code-taken = { $amount } пришли, когда промокод этого заказа был уже использован. Ничего не куплено, вся сумма возвращается вам.
page-order-lead-refunded-in-part = Часть денег возвращена.
page-order-lead-refunded = Деньги возвращены, { $amount }. Купленное больше не действует.
page-granted-term = { $state ->
        [over] План «{ $title }» закончился { $until }
        [later] План «{ $title }» с { $since } до { $until }
       *[now] План «{ $title }» до { $until }
    }
page-granted-pack = { $state ->
        [over] { $what }: срок кончился { $until }
        [until] { $what } до { $until }, осталось { $left }
       *[kept] { $what }, осталось { $left }
    }
page-refund-done = Возвращено { $amount }, { $at }
page-refund-on-way = Возвращается { $amount }
page-check-now = Проверить сейчас
page-order-cancel = Отменить заказ
page-buy-again = Купить снова
page-go-ask = Спросить по курсу
page-go-bot = Открыть бота
page-lost-plan = Здесь этого не продают
page-lost-plan-hint = План могли переименовать или убрать. Всё, что есть, на странице планов. Уже купленное остаётся вашим.
page-lost-order = Среди ваших заказов такого нет
page-lost-order-hint = Вы вошли как { $person }. Заказ могли сделать из другого вашего аккаунта: тогда выйдите и войдите в него. Если ссылку вам прислал кто-то другой, открыть её может только он сам.

page-pack-left = { $ends ->
        [yes] { $what } до { $until }
       *[no] { $what }
    }
page-beyond-plan = Сверх плана
page-renewals = Продлевается само
page-renews = { $price }, следующий раз { $day } · { $method }
page-renewal-stop = Остановить
page-renewal-stop-yes = Да, больше не списывать

page-room-billing = Деньги
page-billing-lead = Что оплачено и возвращено, последние заказы, промокоды.
page-month-this = Этот месяц
page-month-last = Прошлый месяц
page-no-money = Платежей не было.
page-sum-paid = Оплачено
page-sum-returned = Возвращено
page-sum-net = Осталось
page-payments-count =
    { $count ->
        [one] { $count } платёж
        [few] { $count } платежа
       *[other] { $count } платежей
    }
page-refunds-count =
    { $count ->
        [one] { $count } возврат
        [few] { $count } возврата
       *[other] { $count } возвратов
    }
page-tests-apart =
    { $count ->
        [one] Ещё { $count } проверочный платёж: в суммы он не входит.
        [few] Ещё { $count } проверочных платежа: в суммы они не входят.
       *[other] Ещё { $count } проверочных платежей: в суммы они не входят.
    }
page-by-days-rub = Рубли по дням
page-by-days-xtr = Звёзды по дням
page-by-days-told = Оплачено { $paid }, возвращено { $returned }.
page-by-numbers-of = { $what }: числами
page-payments = Заказы
page-any-state = в любом состоянии
page-person-id = Номер человека
page-person-number = Человека ищут по номеру: он состоит из одних цифр и есть на странице «Люди».
page-show = Показать
page-none-ordered-hint = Первый появится здесь, как только кто-нибудь начнёт покупку.
page-no-payments = Таких заказов нет
page-no-payments-hint = Выберите другое состояние или сотрите номер человека.
page-left-for-good = удалил свои данные
page-is-test = проверочный
page-compared-title = Сверка звёзд с Telegram
page-compared =
    { $count ->
        [0] Сверено { $at }: всё сходится. Движений в Telegram: { $seen }.
        [one] Сверено { $at }: { $count } расхождение. Движений в Telegram: { $seen }.
        [few] Сверено { $at }: { $count } расхождения. Движений в Telegram: { $seen }.
       *[other] Сверено { $at }: { $count } расхождений. Движений в Telegram: { $seen }.
    }
page-not-compared = Ещё не сверялось: бот делает это каждую ночь, если что-то продаёт за звёзды.
page-differs-paid = Платёж, о котором здесь не знали; записан при сверке
page-differs-returned = Возврат, о котором здесь не знали; записан при сверке
page-differs-odd = Непонятное движение: разберитесь сами
page-differs-missing = Платёж, которого нет у Telegram
page-billing-export = Для бухгалтера
page-billing-export-hint = Отчёт за месяц, сверка с ЮKassa и выгрузка в CSV делаются на сервере:
page-promos = Промокоды
page-promos-hint = Код снижает цену плана или даёт его на несколько дней без оплаты.
page-promos-go = Все промокоды
page-no-promos = Промокодов пока нет
page-no-promos-hint = Первый можно сделать в форме «Новый код».
page-promo-new = Новый код
page-promo-hint = От 3 до 32 знаков: буквы, цифры, дефис и подчёркивание. Регистр не важен.
page-promo-what = Что даёт
page-promo-percent = скидку, в процентах
page-promo-days = дни плана без оплаты
page-promo-number = Сколько процентов или дней
page-promo-people = Сколько человек (пусто: сколько угодно)
page-promo-last-day = Последний день (пусто: пока не остановлю)
page-promo-make = Создать код
page-promo-needs = Нужны код, план и целое число процентов или дней.
page-promo-no-such-plan = Так не получится: скидка бывает на то, что продаётся, а дни даёт только план, не набор.
page-promo-gives = { $kind ->
        [days] «{ $plan }» без оплаты: { $days }
       *[percent] скидка { $percent } % на «{ $plan }»
    }
page-promo-uses = использован: { $uses }
page-promo-ends = до: { $day }
page-promo-on = действует
page-promo-stopped = остановлен
page-promo-over = срок вышел
page-promo-used-up = исчерпан
page-promo-stop = Остановить
page-promo-stop-sure = Остановить код { $code }? Больше никто не сможет его использовать, и снова включить его нельзя.
page-yes-promo-stop = Да, остановить

page-buyer = Кто
page-order-id = Номер целиком
page-at-till = Номер у кассы
page-order-how = Как
page-by-renewal = продление
page-why-canceled = Почему отменён
page-till-word = Слово кассы
page-to-person = К человеку
page-refunds = Возвраты
page-no-refunds = Возвращать нечего.
page-return-wanted = ждёт
page-return-sending = отправляется
page-return-done = возвращено
page-return-refused = отказано
page-refund-of = платёж { $number }
page-refund-go = Вернуть деньги: { $title }
page-refund-hint = Можно вернуть до { $rest }. Пустая сумма: всё, что осталось. Доля срока, за которую деньги вернулись, тоже заберётся.
page-refund-whole = Вернутся все { $rest }: Telegram не возвращает часть.
page-refund-amount = Сколько, ₽
page-refund-reason = Причина
page-refund-next = Дальше
page-refund-sure-title = Точно вернуть?
page-refund-sure = Вернуть { $amount }? Причина: «{ $reason }». Отменить возврат нельзя.
page-yes-refund = Да, вернуть
page-refund-no-amount = Это не сумма. Напишите, например, 150 или 99,90.
page-refund-too-much = Вернуть можно больше нуля и не больше, чем осталось: { $rest }.
page-refund-no-reason = Напишите причину: она останется в записях.
page-refund-long-reason = Причина длиннее { $most } знаков. Сократите её.
page-refund-moving = Деньги отправляются; эта часть обновится сама.
page-ledger = Книга
page-no-entries = В книге об этом заказе ещё ничего нет: денег не приходило.
page-entry-number = №
page-entry-kind = Запись
page-entry-about = Подробности
page-entry-payment = платёж
page-entry-grant = выдано
page-entry-refund = возврат
page-entry-revocation = отозвано
page-rests-on = к { $number }
