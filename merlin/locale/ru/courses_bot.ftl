# Курсы в боте: /course.
bot-command-course = выбрать курс
courses-now = { $course ->
        [none] Курс не выбран: спрашивайте о чём угодно. Выберите курс, и отвечать будет его модель.
       *[other] Сейчас разговор о курсе «{ $course }».
    }
courses-semester = { $semester }-й семестр
courses-none-yet = Курсов пока нет. Просто напишите вопрос.
courses-not-available = Этот курс больше недоступен. Выберите другой: /course
courses-chosen = Новый разговор о курсе «{ $course }».
courses-not-trained = Модель этого курса ещё не обучена, поэтому отвечает общая.
courses-ask = Напишите вопрос.
courses-all-chosen = Новый разговор без курса. Спрашивайте о чём угодно.
courses-button-all = Все темы
courses-button-list = Список курсов
