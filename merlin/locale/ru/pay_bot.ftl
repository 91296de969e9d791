# Тарифы в боте: что есть, что можно купить, оплата звёздами, возвраты.
pay-title-until = Тариф «{ $title }» до { $at }
pay-title-then = Тариф «{ $title }» до { $at }, затем «{ $then }»
pay-other = Ещё у вас есть тариф «{ $title }»: до { $at }
pay-extra-questions = Вопросы сверх тарифа:
pay-pack-left = • { $what }, без срока
pay-pack-left-until = • { $what }, до { $at }
pay-choose = Нужно больше? Выберите тариф или пакет вопросов.
pay-pack-text = { $count ->
        [one] { NUMBER($count) } текстовый вопрос
        [few] { NUMBER($count) } текстовых вопроса
       *[many] { NUMBER($count) } текстовых вопросов
    }
pay-pack-voice = { $count ->
        [one] { NUMBER($count) } голосовой вопрос
        [few] { NUMBER($count) } голосовых вопроса
       *[many] { NUMBER($count) } голосовых вопросов
    }
pay-pack-photo = { $count ->
        [one] { NUMBER($count) } вопрос с фотографией
        [few] { NUMBER($count) } вопроса с фотографией
       *[other] { NUMBER($count) } вопросов с фотографией
    }
pay-pack-document = { $count ->
        [one] { NUMBER($count) } вопрос с документом
        [few] { NUMBER($count) } вопроса с документом
       *[other] { NUMBER($count) } вопросов с документом
    }
pay-brings-days = Тариф на { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }. Что входит: /plan
pay-brings-month = Тариф на 30 дней; продлевается сам, пока вы это не отключите. Что в него входит: /plan
pay-brings-pack-days = Сверх вашего тарифа: { $what }. Использовать их можно { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }
pay-allows-none = не входят
pay-allows-none-text = Без текстовых вопросов
pay-allows-none-voice = Без голосовых вопросов
pay-allows-none-photo = Без фотографий
pay-allows-none-document = Без документов
pay-allows-any = без ограничений
pay-allows-any-text = Текстовые вопросы без ограничений
pay-allows-any-voice = Голосовые вопросы без ограничений
pay-allows-any-photo = Вопросы с фотографией без ограничений
pay-allows-any-document = Вопросы с документом без ограничений
pay-allows-day = { $what } в день
pay-allows-month = { $what } в месяц
pay-allows-both = { $what } в день, не больше { $most } в месяц
pay-line = • { $kind }: { $new } (сейчас { $old })
pay-line-same = • { $kind }: { $new }, как сейчас
pay-pack = Сверх вашего тарифа: { $what }
pay-lasts = • Срок: { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }
pay-lasts-pack = • Использовать можно { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }
pay-from = Этот тариф у вас уже есть. Новые дни начнутся { $at }, когда закончатся нынешние.
pay-bigger-plan-first = Пока действует «{ $title }», вопросы тратятся из него: он больше.
pay-price = Цена: { $price }
pay-a-month = { $price } в месяц
pay-price-renews = Цена: { $price }. Тариф продлевается сам, отключить это можно здесь в любой момент: /plan.{ $roubles ->
        [yes] {" "}За рубли тариф покупается на 30 дней и сам не продлевается.
       *[no] {""}
    }
pay-button-subscribe = Подписаться за { $price }
pay-subscribe = { pay-a-month }. Нажмите на кнопку: Telegram покажет сумму и попросит подтвердить. Дальше тариф продлевается сам, каждые 30 дней. Отключить автопродление можно в любой день: /plan. Оплаченные дни останутся у вас.
pay-renewal = { $state ->
        [active] «{ $title }» продлевается сам: { pay-a-month }, следующее списание { $at }. Отключить можно здесь в любой момент.
        [canceled] Автопродление «{ $title }» отключено. Тариф работает до { $at }, больше ничего не спишется.
        [failed] «{ $title }» продлить не удалось: Telegram не получил звёзды. Тариф работает до { $at }.
        [to-canceled] Отключаю автопродление «{ $title }» в Telegram. Тариф работает до { $at }.
        [to-allowed] Прошу Telegram снова разрешить автопродление «{ $title }». Тариф работает до { $at }.
       *[allowed] Автопродление «{ $title }» можно снова включить в Telegram: «Настройки», «Мои звёзды». Иначе тариф работает до { $at }.
    }
pay-button-renewal = Автопродление «{ $title }»
pay-button-renewal-off = Отключить автопродление
pay-button-renewal-on = Включить снова
pay-button-buy = Купить за { $price }
pay-button-roubles = Оплатить на сайте: { $price }
pay-button-order = Оплатить «{ $title }» · { $price }
pay-button-purchases = Заказы этого человека
pay-invoice-below = Счёт ниже
pay-invoice-above = Счёт уже в чате, он чуть выше
pay-no-invoice = Telegram сейчас не смог выставить счёт. Деньги не списаны. Нажмите ещё раз чуть позже.
pay-refused-unknown = Заказ не найден. Звёзды не списаны. Тарифы и пакеты: /plan
pay-refused-not-yours = Этот счёт выставлен другому человеку. Звёзды не списаны. Свой счёт вы получите в /plan
pay-refused-blocked = Администратор закрыл вам доступ. Звёзды не списаны.
pay-refused-paid = Этот заказ уже оплачен. Звёзды второй раз не списаны.
pay-refused-old = Этот счёт устарел. Звёзды не списаны. Новый можно взять в /plan
pay-refused-price = Цена изменилась. Звёзды не списаны. Новый счёт можно взять в /plan
pay-refused-broken = У меня что-то сломалось. Звёзды не списаны. Попробуйте ещё раз через минуту.
pay-no-orders = Заказов у вас ещё нет.
pay-orders = Ваши заказы, новые сверху:
pay-order = • { $at } · «{ $title }» · { $price } · { $state } · № { $number }
pay-left = [Осталось { $period ->
        [beyond] всего
        [day] на сегодня
       *[month] на этот месяц
    }: { $what }. Больше: /plan]
pay-left-none = [Это был последний { $kind ->
        [voice] голосовой вопрос
        [photo] вопрос по фотографии
        [document] вопрос по документу
       *[text] вопрос
    } { $period ->
        [beyond] сверх тарифа
        [day] на сегодня
       *[month] на этот месяц
    }. Больше: /plan]
pay-bought = Последние заказы этого человека:
notice-stars-unknown = Пришла оплата звёздами без заказа: { NUMBER($stars) } ⭐ от пользователя { $user }, платёж { $charge }, в счёте указано «{ $payload }». Ничего не выдано. Пользователь знает, что вы разберётесь.
notice-stars-odd = Пришла ваша оплата, { NUMBER($stars) } ⭐, но заказа к ней нет. Разбираемся. Если за день не ответим, напишите: /paysupport
notice-payment-unread = Telegram сообщил о платеже пользователя { $user }, который не удалось прочитать (обновление { $update }). Ничего не выдано.
pay-button-order-of = Этот заказ
pay-gateway-stars = Звёзды Telegram
pay-gateway-yookassa = ЮKassa
notice-stars-refused = Telegram не вернул { $amount } по заказу { $purchase }: { $reason }. Ничего не отозвано.
