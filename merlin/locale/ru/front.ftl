# The demo's front page.
front-title = Демо · Merlin
front-language = In English
front-demo = демо
front-demo-about = работает на этом компьютере, деньги не списываются
front-headline = Один пример — и модель отвечает иначе
front-lead = Редактор пишет вопрос и ответ, из них выходит коммит. Merlin проверяет его, обучает модель и подключает её к боту. Попробуйте сами: пять шагов, пять минут.
front-serving = Сейчас отвечает
front-first-model = Первая модель уже в пути
front-first-model-about = секунд десять, страница обновится сама
front-what-failed = Что случилось
front-users = Кем войти
front-user-anna = Анна, студентка
front-user-anna-about = Читает лекции, спрашивает на странице и в боте, оценивает ответы и предлагает исправления.
front-user-boris = Борис, преподаватель
front-user-boris-about = Ведёт { $courses ->
    [one] { $courses } курс
    [few] { $courses } курса
   *[many] { $courses } курсов
  }: правит материалы и примеры, принимает исправления студентов.
front-user-vera = Вера, администратор
front-user-vera-about = Видит весь путь от коммита до ответа, модели, людей, расходы и состояние системы.
front-tour = Пять шагов
front-done-steps = Пройдено { $done } из { $all }
front-step-done = пройдено
front-step-ask = Спросите
front-step-ask-about = «{ $question }»
front-step-source = Посмотрите, откуда ответ
front-step-source-about = Нажмите ℹ️ под ответом. Появятся пример и коммит, на которых модель этому научилась.
front-step-correct = Исправьте его
front-step-correct-about = Нажмите ✏️ под ответом и напишите лучше. Перед отправкой видно, что уйдёт.
front-step-approve = Примите исправление
front-step-approve-about = Борис читает его как вопрос и ответ. Принятое исправление — это коммит.
front-step-again = Спросите ещё раз
front-step-again-about = Через несколько секунд отвечает новая модель, уже по-новому.
front-go-ask = Спросить
front-go-source = Открыть разговор
front-go-correct = Исправить ответ
front-go-approve = Открыть исправления
front-go-again = Спросить ещё раз
front-wait-model = Спросить можно будет, когда модель обучится
front-all-done = Весь путь пройден.
front-next-example = Добавьте пример
front-next-example-about = От имени Бориса напишите вопрос и ответ. Следующая модель будет это знать.
front-next-tutorial = Сделайте свой набор за 15 минут
front-next-tutorial-about = Урок в терминале: от пустой папки до модели, которая отвечает.
front-next-dataset = Из чего состоит набор
front-next-dataset-about = Файлы, поля и настройки с примерами.
front-tour-about = Каждый шаг открывается в соседней вкладке и сам отмечается здесь.
front-other-samples = Курсы этого демо на английском. На русском: MERLIN_LANGUAGE=ru merlin demo --fresh
front-addresses = Все адреса
front-address-bot = Бот, как в Telegram
front-address-courses = Курсы и чат
front-address-admin = Управление
front-address-engine = Движок обучения
front-address-shop = Тестовая оплата
front-address-api = API для программ
front-key = ключ: { $path }
front-is-down = не отвечает
