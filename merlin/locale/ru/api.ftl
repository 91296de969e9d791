# Что говорит api: ошибки (RFC 9457) и главная страница.

api-problem-bad-request = Неверный запрос
api-problem-bad-request-detail = Запрос не удалось разобрать.
api-problem-unauthorized = Нет доступа
api-problem-unauthorized-detail = Ключ или пароль не передан, неверен, отозван или истёк. Передайте другой.
api-problem-missing-scope = Ключу не хватает прав
api-problem-missing-scope-detail = У этого ключа нет нужного права: { $scopes }. Создайте ключ, в котором оно есть.
api-problem-forbidden = Запрещено
api-problem-forbidden-detail = У вас нет на это права. Если оно нужно, обратитесь к администратору.
api-problem-not-found = Не найдено
api-problem-not-found-detail = По этому адресу ничего нет.
api-problem-wrong-method = Не тот метод
api-problem-wrong-method-detail = Этот адрес не поддерживает такой метод.
api-problem-too-large = Слишком много данных
api-problem-too-large-detail = Тело запроса не может быть больше { $limit } КиБ.
api-problem-not-json = Ожидается JSON
api-problem-not-json-detail = Тело запроса должно быть несжатым JSON с заголовком Content-Type: application/json.
api-problem-unavailable = Временно недоступно
api-problem-unavailable-detail = Merlin сейчас не может ответить. Повторите через несколько секунд.
api-problem-bug = Ошибка в Merlin
api-problem-bug-detail = Что-то пошло не так на нашей стороне. Сообщите администратору request_id: по нему причина найдётся в журнале.

api-problem-sign-in = Нужен вход
api-problem-sign-in-detail = Войдите на странице или передайте ключ в заголовке Authorization.
api-problem-no-key = Нет ключа API
api-problem-no-key-detail = Передайте ключ в заголовке «Authorization: Bearer КЛЮЧ». Создать ключ можно на странице /me.
api-problem-blocked = Доступ закрыт
api-problem-blocked-detail = Администратор закрыл вам доступ. Если это ошибка, напишите ему.
api-problem-foreign-origin = Запрос с другого сайта
api-problem-foreign-origin-detail = Этот запрос отправила страница другого сайта. Откройте нашу страницу и повторите там.

api-problem-wrong-value = Неверные значения
api-problem-wrong-value-detail = Некоторые значения не подходят: какие и почему, указано в errors.
api-problem-refused = Сейчас нельзя
api-problem-refused-detail = Сейчас этого сделать нельзя.
api-problem-no-type = Неизвестный вид материала
api-problem-no-type-detail = Возможные виды: { $types }.
api-problem-bad-cursor = Неверный курсор
api-problem-bad-cursor-detail = Такого курсора нет. Возьмите его из заголовка Link или начните с первой страницы.

api-wrong-character = В строке { $line } есть невидимый знак { $code }. Удалите его.
api-wrong-https = Нужна ссылка https://… без пробелов и без логина в адресе.
api-wrong-title = Название нужно хотя бы на одном языке: одна строка, не больше { $max_length } знаков.
api-wrong-material-source = Передайте text или file_url.
api-wrong-repeated = Есть повторы.

