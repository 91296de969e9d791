# Выбор модели: /model.
bot-command-model = выбрать модель
models-now = Сейчас отвечает { $model }, { $provider }.
models-provider = { $host ->
        [here] поставщик { $provider }
       *[other] поставщик { $provider } ({ $host })
    }
models-line =
    { $count }. { $model } — { $standing ->
        [serving] обычная модель этих разговоров
        [earlier] прежняя версия
        [base] база, без наших примеров
       *[general] общая модель
    }
    { $provider }
    { $price }; { $window ->
        [0] окно неизвестно
        [one] окно { NUMBER($window) } токен
        [few] окно { NUMBER($window) } токена
       *[many] окно { NUMBER($window) } токенов
    }
models-price = { $asked } за вопросы и { $answered } за ответы, { $currency } за миллион токенов
models-price-free = бесплатно
models-price-unknown = цена неизвестна
models-hint = «Всегда новейшая» переходит на каждую новую версию. Выбор действует только в этом разговоре.
models-nobody = Выбирать пока не из чего: ни одна модель не подключена.
models-chosen = Готово: в этом разговоре отвечает { $model }.
models-chosen-version = { $newest ->
        [none] Она останется и тогда, когда появится более новая: мы скажем об этом под ответом.
       *[other] Это прежняя версия: новейшая — { $newest }.
    }
models-newer = Всем остальным уже отвечает более новая версия: { $model }. У вас остаётся та, которую вы выбрали.
models-company = Это модель другой компании: ваши вопросы в этом разговоре получает { $provider }. Подробно: /privacy
models-auto = { $model ->
        [none] Готово: выбор снят.
       *[other] Готово: отвечает новейшая модель, сейчас это { $model }.
    }
models-gone = Этой модели сейчас нет, или она не входит в ваш план. Откройте список ещё раз: /model
models-newest = Всегда новейшая
models-button-newest = Перейти на новейшую
models-button-list = Список моделей
