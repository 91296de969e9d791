# Что говорит api: ошибки (RFC 9457) и главная страница.

api-problem-bad-request = Неверный запрос
api-problem-bad-request-detail = Запрос не удалось разобрать.
api-problem-unauthorized = Нет доступа
api-problem-unauthorized-detail = Секрет не передан или неверен.
api-problem-forbidden = Запрещено
api-problem-forbidden-detail = У вас нет на это права.
api-problem-not-found = Не найдено
api-problem-not-found-detail = По этому адресу ничего нет.
api-problem-wrong-method = Не тот метод
api-problem-wrong-method-detail = Этот адрес не знает такого метода.
api-problem-too-large = Слишком много данных
api-problem-too-large-detail = Тело запроса не может быть больше { $limit } КиБ.
api-problem-unavailable = Не сейчас
api-problem-unavailable-detail = Merlin сейчас не может ответить. Повторите через несколько секунд.
api-problem-bug = Ошибка в Merlin
api-problem-bug-detail = Что-то пошло не так на нашей стороне. Сообщите администратору request_id: по нему причина найдётся в журнале.

api-problem-sign-in = Нужен вход
api-problem-sign-in-detail = Войдите на странице или передайте ключ в заголовке Authorization.
api-problem-blocked = Доступ закрыт
api-problem-blocked-detail = Администратор закрыл вам доступ. Напишите ему, если это ошибка.
api-problem-foreign-origin = Запрос с чужой страницы
api-problem-foreign-origin-detail = Этот запрос отправила страница другого сайта. Откройте нашу страницу и повторите там.

api-front-title = Merlin
api-front-lead = Здесь отвечает API Merlin. Merlin превращает примеры диалогов из git в модель, с которой люди беседуют в Telegram.
api-front-healthz = процесс работает
api-front-readyz = отвечает ли база данных и как дела у остальных процессов
api-front-metrics = счётчики для Prometheus
api-front-openapi = описание API
api-front-version = Версия { $version }
