# Что говорит api: ошибки (RFC 9457) и главная страница.

api-problem-bad-request = Запрос не удалось разобрать.
api-problem-unauthorized = Ключ или пароль не передан, неверен, отозван или истёк. Передайте другой.
api-problem-missing-scope = У этого ключа нет нужного права: { $scopes }. Создайте ключ, в котором оно есть.
api-problem-forbidden = У вас нет на это права. Если оно нужно, обратитесь к администратору.
api-problem-not-found = По этому адресу ничего нет.
api-problem-wrong-base-url = По этому адресу ничего нет. Базовый адрес для клиентов протокола OpenAI кончается на /v1, один раз.
api-problem-wrong-method = Этот адрес не поддерживает такой метод.
api-problem-no-length = Укажите размер тела запроса в заголовке Content-Length.
api-problem-too-large = Тело запроса не может быть больше { $limit } КиБ.
api-problem-not-json = Тело запроса должно быть несжатым JSON с заголовком Content-Type: application/json.
api-problem-unavailable = Merlin сейчас не может ответить. Повторите через несколько секунд.
api-problem-bug = Что-то пошло не так на нашей стороне. Сообщите администратору request_id: по нему причина найдётся в журнале.

api-problem-sign-in = Войдите на странице или передайте ключ в заголовке Authorization.
api-problem-no-key = Передайте ключ в заголовке «Authorization: Bearer КЛЮЧ». Создать ключ можно на странице /me.
api-problem-blocked = Администратор закрыл вам доступ. Если это ошибка, напишите ему.
api-problem-foreign-origin = Этот запрос отправила страница другого сайта. Откройте нашу страницу и повторите там.

api-problem-wrong-value = Некоторые значения не подходят: какие и почему, указано в errors.
api-problem-refused = Сейчас этого сделать нельзя.
api-problem-no-type = Возможные виды: { $types }.
api-problem-bad-cursor = Этот курсор не подходит. Возьмите его из заголовка Link или начните с первой страницы.

api-wrong-character = В строке { $line } есть невидимый знак { $code }. Удалите его.
api-wrong-https = Нужна ссылка https://… без пробелов и без логина в адресе.
api-wrong-title = Название нужно хотя бы на одном языке: одна строка, не больше { $max_length } знаков.
api-wrong-material-source = Нужен текст или адрес файла.
api-wrong-repeated = Есть повторы.

