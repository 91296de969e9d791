# Токены: шкала разговора, тариф.
bot-command-t = память разговора, сколько осталось вопросов
bot-command-plan = мой тариф и покупки
tokens-title = Память разговора
tokens-used = { $used } из { $limit } токенов, { $by ->
        [provider] по счёту провайдера модели
       *[estimate] по нашей оценке
    }
tokens-model = Модель: { $is_known ->
        [yes] { $model }
       *[no] пока недоступна
    }
tokens-cost = Стоимость: этот разговор — { $session }, сегодня — { $today }
tokens-nothing = пока ничего
tokens-cost-today = Стоимость за сегодня: { $today }
plan-title = Тариф «{ $title }»
plan-unlimited = Ограничений нет: спрашивайте сколько угодно.
plan-text = Вопросы
plan-voice = Голосовые
plan-photo = Фотографии
plan-document = Документы
plan-kind-unlimited = • { $kind }: без ограничений
plan-closed = • { $kind }: не входят
plan-left = • { $kind }: осталось { $left } из { $limit }, обновится { $at }
plan-left-only = • { $kind }: осталось { $left } из { $limit }
plan-resets = • Обновятся { $at }
plan-packs = {" "}(и { $packs ->
        [one] { $packs } вопрос сверх тарифа
        [few] { $packs } вопроса сверх тарифа
       *[many] { $packs } вопросов сверх тарифа
    })
plan-models = • Модели: { $models }
