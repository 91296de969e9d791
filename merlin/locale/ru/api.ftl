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
api-problem-not-json = Нужен JSON
api-problem-not-json-detail = Тело запроса должно быть JSON с заголовком Content-Type: application/json.
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

api-problem-wrong-value = Неверные значения
api-problem-wrong-value-detail = Часть значений принять нельзя: в errors сказано, какие и почему.
api-problem-refused = Сейчас нельзя
api-problem-refused-detail = Сейчас этого сделать нельзя.
api-problem-no-type = Нет такого вида материалов
api-problem-no-type-detail = Есть такие: { $types }.
api-problem-bad-cursor = Неверный курсор
api-problem-bad-cursor-detail = Такого курсора мы не давали. Возьмите его из заголовка Link или начните с первой части.

api-wrong-plain = Такое значение принять нельзя.
api-wrong-missing = Этого значения не хватает.
api-wrong-extra = Такого поля здесь нет.
api-wrong-json = Это не JSON.
api-wrong-object = Нужен объект JSON.
api-wrong-list = Нужен список.
api-wrong-string = Нужна строка.
api-wrong-unicode = В строке есть знаки, которых нет в Юникоде.
api-wrong-integer = Нужно целое число.
api-wrong-number = Нужно число.
api-wrong-boolean = Нужно true или false.
api-wrong-at-least = Не меньше { $ge }.
api-wrong-more-than = Больше { $gt }.
api-wrong-at-most = Не больше { $le }.
api-wrong-less-than = Меньше { $lt }.
api-wrong-too-short = Слишком коротко: наименьшая длина — { $minlength }.
api-wrong-too-long = Слишком длинно: наибольшая длина — { $maxlength }.
api-wrong-too-few = Слишком мало: нужно не меньше { $minlength }.
api-wrong-too-many = Слишком много: можно не больше { $maxlength }.
api-wrong-one-of = Можно только одно из этих: { $expected }.
