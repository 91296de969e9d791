# Планы в боте: что есть, что можно купить, оплата звёздами, возвраты.
pay-title-until = План «{ $title }» до { $at }
pay-title-then = План «{ $title }» до { $at }, потом — «{ $then }»
pay-here = В этом разговоре считается план курса «{ $title }»:
pay-here-until = В этом разговоре считается план курса «{ $title }», он действует до { $at }:
pay-other = Ещё у вас есть план «{ $title }»: до { $at }
pay-beyond = Сверх плана у вас есть:
pay-gift = • { $what }, без срока
pay-gift-until = • { $what }, до { $at }
pay-renews = План «{ $title }» продлится сам: { $at }
pay-choose = Можно больше: выберите план или пакет вопросов.
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
        [one] { NUMBER($count) } вопрос по фотографии
        [few] { NUMBER($count) } вопроса по фотографиям
       *[many] { NUMBER($count) } вопросов по фотографиям
    }
pay-pack-document = { $count ->
        [one] { NUMBER($count) } вопрос по документу
        [few] { NUMBER($count) } вопроса по документам
       *[many] { NUMBER($count) } вопросов по документам
    }
pay-brings-days = План на { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }. Что в нём есть, показывает /plan
pay-brings-pack = Сверх вашего плана: { $what }
pay-brings-pack-days = Сверх вашего плана: { $what }. Израсходовать их можно за { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }
pay-allows-none = не входят
pay-allows-any = без ограничений
pay-allows-day = { NUMBER($count) } в день
pay-allows-month = { NUMBER($count) } в месяц
pay-allows-both = { NUMBER($day) } в день, не больше { NUMBER($month) } в месяц
pay-line = • { $kind }: { $new } (сейчас { $old })
pay-line-same = • { $kind }: { $new }, как и сейчас
pay-pack = Сверх вашего плана: { $what }
pay-courses = • Считается отдельно и только для вопросов о курсах: { $courses }
pay-lasts = • Срок: { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }
pay-lasts-pack = • Израсходовать нужно за { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }
pay-from = Этот план у вас уже есть. Новые дни начнутся { $at }, когда закончатся нынешние.
pay-lower = Пока действует ваш план «{ $title }», считается он: он больше этого.
pay-trial = Можно попробовать бесплатно: { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }, один раз. Деньги за пробу не списываются, и сама она не продлевается.
pay-price = Цена: { $price }
pay-price-renewed = Цена: { $price } каждые { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }. План продлевается сам, пока вы его не остановите: /plan
pay-price-code = Цена по коду { $code }: { $price } вместо { $before }. По коду это один раз, сам план не продлится.
pay-button-buy = Купить за { $price }
pay-button-roubles = На сайте за { $price }
pay-button-trial = Попробовать бесплатно
pay-button-trial-of = { $title } · попробовать
pay-button-code = У меня есть код
invite-button = Пригласить друга
invite-share = Отправить ссылку
invite-greeting = Бот, который отвечает на вопросы по учёбе. Попробуй!
invite-link =
    Это ваша ссылка:
    { $link }

    Когда по ней начнёт новый человек, вы получите { $amount ->
        [one] { $amount } вопрос
        [few] { $amount } вопроса
       *[many] { $amount } вопросов
    } сверх плана. Так можно пригласить до { $most ->
        [one] { $most } человека
       *[many] { $most } человек
    }.
notice-invited = По вашей ссылке пришёл новый человек. Спасибо! У вас { $amount ->
        [one] { $amount } вопрос
        [few] { $amount } вопроса
       *[many] { $amount } вопросов
    } сверх плана: /plan
pay-button-orders = Мои заказы
pay-button-renewal = Продление «{ $title }»
pay-button-stop = Остановить продление
pay-button-subscribe = Подписаться за { $price }
pay-button-order = Оплатить «{ $title }» · { $price }
pay-button-purchases = Покупки этого человека
pay-tried = План «{ $title }» ваш на { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }. Пробуйте!
pay-invoice-below = Счёт ниже
pay-invoice-above = Счёт уже в чате, он чуть выше
pay-no-invoice = Telegram сейчас не смог выставить счёт. Ничего не списано; нажмите, пожалуйста, ещё раз чуть позже.
pay-subscribe = План «{ $title }» за { $price } каждые 30 дней.

    Нажмите на кнопку: Telegram покажет сумму и спросит согласие. План продлевается сам; остановить продление можно в любой день в /plan, оплаченные дни при этом остаются.
pay-renews-already = Этот план у вас уже продлевается сам. Остановить продление можно в /plan.
pay-refused-unknown = Такого заказа у меня нет. Звёзды не списаны; что можно купить, показывает /plan
pay-refused-not-yours = Этот счёт выставлен другому человеку. Звёзды не списаны; свой счёт вы получите в /plan
pay-refused-blocked = Доступ к боту для вас закрыт, поэтому платить не за что. Звёзды не списаны.
pay-refused-paid = Этот заказ уже оплачен, второй раз платить не нужно. Звёзды не списаны.
pay-refused-old = Этот счёт устарел. Звёзды не списаны; новый можно взять в /plan
pay-refused-price = Цена изменилась. Звёзды не списаны; новый счёт можно взять в /plan
pay-refused-broken = У меня что-то сломалось. Звёзды не списаны; попробуйте, пожалуйста, ещё раз через минуту.
pay-ask-code = Пришлите код одним сообщением. Он или дарит дни плана, или снижает цену.
pay-code-again = Проверьте код и пришлите его ещё раз.
pay-code-enough = Кодов было уже несколько, и ни один не подошёл. Уточните код у того, кто вам его дал, и вернитесь в /plan.
pay-code-given = Код принят: план «{ $title }», { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    } в подарок.
pay-no-orders = Заказов у вас ещё нет.
pay-orders = Ваши заказы, новые сверху:
pay-order = • { $at } · «{ $title }» · { $price } · { $state }
pay-state-created = ждёт оплаты
pay-state-asking = ждёт оплаты
pay-state-pending = ждёт оплаты
pay-state-held = деньги удержаны, план вот-вот появится
pay-state-canceled = не оплачен
pay-state-expired = не оплачен вовремя
pay-state-paid = оплачен
pay-state-refunded-in-part = часть денег возвращена
pay-state-refunded = деньги возвращены
pay-ask-stop = План «{ $title }» продлится сам { $at }, { $till ->
        [stars] звёздами Telegram
       *[yookassa] с сохранённой карты или кошелька
    }. Остановить продление? Оплаченные дни останутся у вас.
pay-stopped = Продление плана «{ $title }» остановлено. Оплаченные дни остаются у вас.
pay-renewal-none = Такого продления нет: возможно, оно уже остановлено.
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
        [beyond] сверх плана
        [day] на сегодня
       *[month] на этот месяц
    }. Больше: /plan]
pay-bought = Последние заказы этого человека:
notice-stars-unknown = Пришла оплата звёздами без нашего заказа: { NUMBER($stars) } ⭐ от человека { $user }, платёж { $charge }, в счёте стояло «{ $payload }». Ничего не выдано; человеку сказано, что вы разберётесь.
notice-stars-odd = Telegram сообщил о вашей оплате: { NUMBER($stars) } ⭐, но она не подходит ни к одному вашему заказу. Администраторы уже об этом знают. Если долго не ответят, напишите: /paysupport
notice-stars-left = Telegram сообщил о возврате { NUMBER($stars) } ⭐ человеку { $user } по платежу { $charge }, которого нет в наших записях.
notice-stars-missing = Платёж звёздами { $charge } есть в наших записях, а Telegram его не показывает. Сверьте: merlin billing reconcile
notice-payment-unread = Telegram сообщил о платеже человека { $user }, который мы не умеем прочесть (обновление { $update }). Ничего не выдано.
notice-plan-gift = Вам подарили план «{ $ru }»: { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }. Что в нём есть, показывает /plan
pay-button-order-of = Этот заказ
pay-till-stars = Звёзды
pay-till-yookassa = ЮKassa
pay-admin-title = Платежи за этот месяц
pay-admin-month = { $till }: { $came } ({ $count ->
        [one] { $count } платёж
        [few] { $count } платежа
       *[many] { $count } платежей
    }), возвращено { $back }
pay-admin-compared = Звёзды сверены с Telegram: { $at }. { $count ->
        [0] Всё сошлось.
        [one] Нашлось { $count } расхождение: о нём вам сказано.
        [few] Нашлось { $count } расхождения: о них вам сказано.
       *[many] Нашлось { $count } расхождений: о них вам сказано.
    }
pay-admin-newest = Последние заказы
pay-admin-none = Заказов нет.
pay-admin-of = Заказы: { $who }
pay-admin-what =
    Кто: { $who }
    Цена: { $price }, { $till }
    Состояние: { $state }
    Заказан: { $at }
    Номер: { $id }
pay-admin-code = Код: { $code }
pay-admin-entry = { $at } · { $kind ->
        [payment] оплата
        [grant] выдано
        [refund] возврат
       *[revocation] отозвано
    } · { $price }
pay-admin-refund = Возврат { $at }: { $price }, { $state ->
        [wanted] ждёт отправки
        [sending] отправляется
        [done] отправлен
       *[refused] отклонён
    }. { $by }: { $reason }
pay-admin-back = Вернуть { $price }
pay-admin-ask-part = Можно вернуть всё, { $rest }, или часть: пришлите сумму в рублях, например 150 или 99,90.
pay-admin-all = Вернуть всё
pay-admin-no-amount = Это не сумма. Пришлите рубли, например 150 или 99,90; вернуть можно до { $rest }.
pay-admin-ask-reason = Пришлите причину возврата одним сообщением, до { NUMBER($most) } знаков. Она останется в записях.
pay-admin-ask-refund = Вернуть { $price } за «{ $title }» человеку { $user }? Причина: { $reason }. { $whole ->
        [yes] Купленное будет отозвано.
       *[no] Срок плана сократится на возвращённую часть; пакет останется.
    } { $till ->
        [stars] Если план продлевался сам, продление остановится.
       *[yookassa] {""}
    }
pay-admin-refund-yes = Вернуть деньги
pay-admin-refund-wished = Возврат записан и уходит
pay-admin-press = Нажмите кнопку: вернуть или отменить.
pay-admin-codes = Промокоды
pay-admin-no-codes = Промокодов ещё нет.
pay-admin-code-add = Новый промокод
pay-admin-code-for = Для какого плана или пакета код?
pay-admin-code-write = Код для «{ $title }». Пришлите его одной строкой: «ЛЕТО 20%» снижает цену, «ЛЕТО 7» дарит дни плана. Третьим словом можно назвать, скольким людям он положен: «ЛЕТО 20% 100».
pay-admin-code-wrong = Не понимаю. Пришлите, например, «ЛЕТО 20%», «ЛЕТО 7» или «ЛЕТО 20% 100».
pay-admin-code-pack = У пакета нет дней, поэтому код для него может только снижать цену: «ЛЕТО 20%».
pay-admin-code-what =
    Для чего: { $plan }
    Что даёт: { $gives }
    Использован: { $uses }, можно: { $most }
    Действует до: { $until }
    { $state ->
        [on] Код действует.
       *[stopped] Код остановлен.
    }
    Завёл: { $by }
pay-admin-code-stop = Остановить код
pay-admin-code-ask-stop = Остановить код { $code }? Им больше никто не воспользуется; уже сделанные заказы останутся.
pay-admin-code-stopped = Код остановлен
admin-payments = Платежи
people-term = Подарить план
people-purchases = Заказы
people-ask-term = Какой план подарить?
people-no-terms = В настройках нет планов, кроме общего.
people-ask-term-gift = Подарить { $who } план «{ $title }» на { $days ->
        [one] { NUMBER($days) } день
        [few] { NUMBER($days) } дня
       *[many] { NUMBER($days) } дней
    }?
people-term-given = План подарен, человеку об этом сказано
notice-stars-refused = Telegram не вернул { $amount } по заказу { $purchase }: { $reason }. Ничего не отозвано.
notice-stars-run-on = Человек удалил свои данные, а отмену его подписки звёздами ({ $charge }) Telegram не подтвердил. Если по ней придёт оплата, верните её.
