# Курсы в боте: /course.
bot-command-course = выбрать курс
courses-now = { $course ->
        [none] Сейчас разговор обо всём. Выберите курс, и отвечать будет его модель.
       *[other] Сейчас разговор о курсе «{ $course }».
    }
courses-semester = { $semester } семестр
courses-none-yet = Курсов пока нет. Просто напишите вопрос.
courses-gone = Такого курса сейчас нет.
courses-chosen = Новый разговор о курсе «{ $course }».
courses-untaught = Модель этого курса ещё не обучена, поэтому отвечает общая.
courses-ask = Напишите вопрос.
courses-all-chosen = Новый разговор обо всём. Напишите вопрос.
courses-button-all = Все темы
courses-button-list = Список курсов
