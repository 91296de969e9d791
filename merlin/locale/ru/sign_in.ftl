# Вход на страницу и в API: учётные записи, пароли, подтверждение в боте, частота обращений.

api-problem-too-many = Слишком часто
api-problem-too-many-detail = Слишком много обращений. Повторите через { $seconds ->
        [one] { $seconds } секунду
        [few] { $seconds } секунды
       *[many] { $seconds } секунд
    }.
api-problem-needs-https = Нужен https
api-problem-needs-https-detail = Войти можно только по https, чтобы пароль и вход никто не подсмотрел. Администратору: задайте api.tls или назовите прокси в api.proxies.
api-problem-telegram-data = Telegram не подтвердил вход
api-problem-telegram-data-detail = Данные Telegram не подошли или им больше часа. Закройте страницу в Telegram и откройте её снова.
api-problem-wrong-password = Не подошло
api-problem-wrong-password-detail = Имя или пароль не подошли. Пароль можно заменить, войдя через бота.
api-problem-current-password = Нужен нынешний пароль
api-problem-current-password-detail = Чтобы сменить пароль, назовите нынешний. Забыли его — выйдите, войдите через бота и сразу задайте новый.
api-problem-person-only = Только для человека
api-problem-person-only-detail = Этого нельзя сделать ключом программы: войдите сами.
api-problem-openid = Вход не удался
api-problem-openid-detail = Telegram не подтвердил вход. Начните его заново.

api-tls-unreadable = { $setting }: файл { $path } не читается: { $reason }. Назовите файл в формате PEM, который может читать процесс api.
api-tls-mismatch = api.tls: { $certificate } и { $private } не подходят: { $reason }. Нужны сертификат с цепочкой и его ключ без пароля, оба в формате PEM.

account-name-refused = Имя — это от 2 до { $limit } знаков: латинские буквы, цифры и между ними . _ -; первой стоит буква.
account-name-reserved = Имя { $name } даёт только администратор.
account-name-taken = Имя { $name } уже занято.
account-no-name = Сначала возьмите имя пользователя.
account-no-account = Нет учётной записи с именем { $name }.
account-no-sign-in = Такого входа нет: возможно, он уже закрыт.
account-password-length = В пароле должно быть от { $least } до { $most } знаков.
account-password-common = Такой пароль подберут быстро: он есть в списках утечек или похож на имя. Возьмите несколько слов, не связанных между собой.
account-ask-password = Пароль
account-ask-password-again = Ещё раз
account-password-differs = Пароли не совпали.
account-did-add = { $name } — номер { $user }, { $role }
account-did-name = { $user }: имя { $name }
account-did-password = { $name }: новый пароль задан, все входы закрыты
account-col-account = имя входа
account-first-password = Пароль, который больше не покажется: { $password }

bot-login-ask =
    Кто-то входит на страницу Merlin под вашим именем.

    Браузер: { $agent }
    Адрес: { $place }
    Число на странице: { $number }

    Если это вы и число то же самое, нажмите «Это я, войти». Если страницу открыли не вы, нажмите «Это не я».
bot-login-unknown = неизвестен
bot-login-yes = Это я, войти
bot-login-no = Это не я
bot-login-done = Готово: вернитесь на страницу, вход уже открыт. Закрыть его можно там же, в списке входов.
bot-login-refused = Вход не открыт. Никому не пересылайте ссылки для входа.
bot-login-over = Эта ссылка для входа больше не действует: она живёт пять минут и открывается один раз. Начните вход на странице заново.
