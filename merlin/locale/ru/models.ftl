# Выбор модели: /model.
bot-command-model = выбрать модель
models-now = { $model ->
        [first] Сейчас отвечает { $provider }.
       *[other] Сейчас отвечает { $model }, { $provider }.
    }
models-provider = { $host ->
        [here] провайдер { $provider }
       *[other] провайдер { $provider } ({ $host })
    }
models-line =
    { $count }. { $model } — { $kind ->
        [serving] по умолчанию
        [earlier] прежняя модель
        [base] базовая модель, без наших примеров
       *[general] общая модель
    }
    { $provider }
    { $price }; { $window ->
        [0] память неизвестна
        [one] память { NUMBER($window) } токен
        [few] память { NUMBER($window) } токена
       *[many] память { NUMBER($window) } токенов
    }
models-price = { $asked } за вопросы и { $answered } за ответы, { $currency } за миллион токенов
models-price-unknown = цена неизвестна
models-hint = «Всегда новейшая» переходит на каждую новую модель. Выбор действует только в этом разговоре.
models-none = Выбирать пока не из чего: ни одна модель не подключена.
models-chosen = В этом разговоре отвечает { $model }.
models-chosen-version = Она останется, даже когда появится более новая.
models-company = Это модель другой компании: ваши вопросы в этом разговоре получает { $provider }. Подробнее: /privacy
models-auto = { $model ->
        [none] Теперь отвечает модель по умолчанию.
       *[other] Теперь отвечает новейшая модель, сейчас это { $model }.
    }
models-not-available = Эта модель недоступна или не входит в ваш тариф. Откройте список ещё раз: /model
models-newest = Всегда новейшая
models-button-list = Список моделей
