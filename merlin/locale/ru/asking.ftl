# Команды, которые задают моделям много вопросов.
asking-price = { $questions ->
        [one] Нужно задать { NUMBER($questions) } вопрос. Примерная цена: { $price }.
        [few] Нужно задать { NUMBER($questions) } вопроса. Примерная цена: { $price }.
       *[many] Нужно задать { NUMBER($questions) } вопросов. Примерная цена: { $price }.
    }
asking-price-unknown = неизвестна (в config.yaml нет цены этой модели)
asking-no-price = Цена этой модели неизвестна, поэтому бюджет не удержать. Укажите её в разделе `models` файла config.yaml или уберите --budget.
asking-budget = Примерная цена — { $price }, бюджет — { $budget }. Вопросы не заданы. Задайте меньше (--limit) или увеличьте --budget.
asking-sure = Задать их?
asking-not-sure = Вопросы не заданы. Чтобы согласиться с ценой, добавьте --yes.
asking-progress = ответы
