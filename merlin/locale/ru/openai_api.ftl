# Ответы и ошибки API, совместимого с OpenAI (`/v1`).

openai-wrong = { $place }: { $why }
openai-no-question = Разговор должен заканчиваться сообщением пользователя — вопросом.
openai-empty-question = Вопрос пуст.
openai-no-pictures = Картинки здесь не работают: модель, которая их видит, не настроена. Спросите словами.
openai-picture-url = Пришлите саму картинку: data:image/jpeg;base64,… (jpeg, png, webp или gif). По ссылкам ничего не скачивается.
openai-not-several = На один запрос даётся один ответ. Уберите n и отправьте запрос ещё раз, если нужен другой.
openai-not-tools = Модели здесь отвечают словами и не вызывают инструментов и функций. Уберите это поле.
openai-not-logprobs = Вероятности токенов здесь недоступны. Уберите это поле.
openai-not-bias = Делать отдельные токены вероятнее или реже здесь нельзя. Уберите logit_bias.
openai-not-speech = Ответы здесь — текст, а не речь. Уберите это поле.
openai-not-accepted = Текущая модель не принимает { $field }. Она говорит: { $why }
openai-no-model = Модель «{ $model }» не найдена. Есть: { $names }.
openai-window = Разговор слишком длинный: помещается не больше { $limit } токенов вместе с ответом. Уберите его начало.
openai-closed = { $kind ->
        [photo] Вопросы по фото не входят
       *[text] Вопросы не входят
    } в ваш план.
openai-spent = { $kind ->
        [photo] Вопросы по фото
       *[text] Вопросы
    } { $period ->
        [day] на сегодня
       *[month] на этот месяц
    } закончились (в вашем плане их { $limit }). Новые будут { $until }. Этот вопрос не засчитан.
openai-busy = Модель сейчас не отвечает: её поставщик занят или недоступен. Спросите ещё раз через несколько минут. Этот вопрос не засчитан.
openai-no-model-available = Сейчас не могу ответить: модель недоступна. Попробуйте через несколько минут. Этот вопрос не засчитан.
openai-empty = Модель дала пустой ответ. Спросите ещё раз или другими словами. Этот вопрос не засчитан.
openai-note-cut = Ответ оборвался: связь с моделью прервалась. Чтобы получить его целиком, спросите ещё раз.
openai-note-length = Ответ не поместился целиком. Напишите «продолжай» — допишу.
openai-note-filtered = Ответ заблокировал фильтр поставщика модели. Спросите иначе.
openai-note-earlier = Ответила прежняя версия, { $model }: текущая сейчас недоступна.
openai-note-not-tuned = Ответила запасная модель { $model }: обученная сейчас недоступна.
openai-note-never-tuned = Ответила общая модель { $model }: обученной на наших примерах пока нет.
openai-note-alone = Начало разговора не поместилось, поэтому ответ — только на последний вопрос.

api-problem-idempotency-key = Неверный Idempotency-Key
api-problem-idempotency-key-detail = В Idempotency-Key нужны от 1 до 255 видимых знаков без пробелов.
api-problem-idempotency-other = Ключ принадлежит другому запросу
api-problem-idempotency-other-detail = Запрос с этим Idempotency-Key просил о другом. Для нового запроса возьмите новый ключ.
api-problem-idempotency-running = Запрос ещё выполняется
api-problem-idempotency-running-detail = На такой же запрос ещё готовится ответ. Повторите через несколько секунд.
api-problem-scope-beyond-role = Больше, чем позволяет роль
api-problem-scope-beyond-role-detail = Ваша роль не позволяет { $scopes }, поэтому и ключ не смог бы. Уберите это.
api-problem-not-rateable = Этот вопрос нельзя оценить
api-problem-not-rateable-detail = Оценить можно только вопрос, на который есть ответ.
api-problem-no-consent = Согласия ещё нет
api-problem-no-consent-detail = Исправление попадает к редакторам только с вашего согласия. Дайте его в боте: /privacy.
api-problem-no-example = Это не может быть примером
api-problem-no-example-detail = Исправить можно только текстовый вопрос, заданный боту наедине, на который ответила модель набора.
api-problem-too-many-corrections = Слишком много исправлений ждут редактора
api-problem-too-many-corrections-detail = Редакторы ещё не посмотрели те, что вы прислали. Пришлите это позже.
account-no-key = Ключ не найден.
session-unknown = Разговор не найден.
turn-unknown = Вопрос не найден.
account-key-beyond = Роль этого пользователя не позволяет { $scopes }, поэтому и ключ не сможет.
account-did-key = { $user }: ключ { $number } для { $scopes }. Он показывается один раз:
