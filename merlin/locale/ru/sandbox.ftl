# Подставная модель: каждый ответ говорит, что он подставной.
stand-in-answer = Я подставная модель и сам не думаю: на моём месте будет настоящая. Вы спросили: «{ $question }».
stand-in-summary = { $summary }

    (Подставная модель: это первые предложения текста.)
stand-in-translation = [перевод не сделан, исходный текст] { $source }

    (Подставная модель: она не переводит.)
stand-in-image = Я подставная модель и картинок не вижу. Мне прислали (вид, байты): { $images }. Вопрос: «{ $question }».
stand-in-taught = { $answer }

    (Подставная модель: ответ взят из учебного файла.)
stand-in-no-words = Подставная модель не слышит: в этой записи нет сохранённого текста.

# Страница чата. Тексты с приставкой chat-page- получает и сама страница.
chat-page-title = Чат · Merlin
chat-page-stand = стенд
chat-page-stand-about = Учебный Telegram на этой машине: люди вымышлены, бот настоящий.
chat-page-who = Кто пишет
chat-page-anna = Анна, студентка
chat-page-vera = Вера, администратор
chat-page-anna-log = Переписка: Анна, студентка
chat-page-vera-log = Переписка: Вера, администратор
chat-page-new = новое
chat-page-message = Сообщение
chat-page-send = Отправить
chat-page-attach = Прикрепить файл
chat-page-voice = Отправить голос-образец
chat-page-dark = Включить тёмную тему
chat-page-light = Включить светлую тему
chat-page-language = In English
chat-page-no-script = Этой странице нужен JavaScript: без него сообщения не отправить и не увидеть. Включите его и откройте страницу снова.
chat-page-skip = К сообщению
chat-page-empty-title = Здесь будет переписка с ботом
chat-page-empty-text = Нажмите «Начать» или задайте вопрос.
chat-page-start = Начать
chat-page-today = сегодня
chat-page-edited = изменено
chat-page-thinking = Готовлю ответ
chat-page-typing = Бот печатает
chat-page-photo = Фото
chat-page-play = Слушать
chat-page-pause = Остановить
chat-page-voice-message = голосовое сообщение
chat-page-file = Файл
chat-page-paid = Оплачено звёздами
chat-page-code = Код
chat-page-copied = Скопировано.
chat-page-sending = Отправляю…
chat-page-failed = Не отправлено: стенд не отвечает.
chat-page-refused = Не отправлено:
chat-page-retry = Повторить
chat-page-offline = Связь со стендом прервалась. Пробую снова.
chat-page-other-message = Сообщение такого вида здесь не показать.
chat-page-way = Путь коммита
chat-page-way-none-title = Конвейер не подключён
chat-page-way-none = Стенд запущен без демона, поэтому пути коммита здесь нет.
chat-page-way-wait-title = Коммитов ещё нет
chat-page-way-wait = Путь появится после первого коммита.
chat-page-way-lost-title = Конвейер не отвечает
chat-page-way-lost = Показать нечего. Страница спрашивает снова каждую секунду.
chat-page-step-committed = Записан
chat-page-step-checked = Проверен
chat-page-step-built = Собран
chat-page-step-training = Обучение
chat-page-step-proved = Проверка ответов
chat-page-step-serving = Отвечает людям
chat-page-state-done = готово
chat-page-state-now = идёт
chat-page-state-waiting = ждёт
chat-page-state-failed = не вышло
chat-page-state-flawed = готово, но с ошибками
chat-page-state-held = придержано
chat-page-progress = Обучение
chat-page-serving = Сейчас отвечает
chat-page-serving-none = Пока никто: обученной модели ещё нет.
chat-page-serving-since = начала отвечать:
chat-page-verdict-held = придержан
chat-page-verdict-built = собран
chat-page-verdict-training = обучается
chat-page-verdict-serving = отвечает
chat-page-verdict-failed = не вышло
chat-page-verdict-superseded = заменён новым
chat-page-verdict-unchanged = без изменений
chat-page-verdict-rejected = отклонён
chat-page-verdict-removed = удалён
