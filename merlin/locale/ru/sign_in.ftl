# Вход на страницу и в API: учётные записи, пароли, подтверждение в боте, частота обращений.

api-problem-too-many = Слишком часто
api-problem-too-many-detail = Слишком много запросов. Повторите через { $seconds ->
        [one] { $seconds } секунду
        [few] { $seconds } секунды
       *[many] { $seconds } секунд
    }.
api-problem-needs-https = Нужен https
api-problem-needs-https-detail = Войти можно только по https, чтобы пароль никто не подсмотрел. Администратору: задайте api.tls или назовите прокси в api.proxies.
api-problem-telegram-data = Telegram не подтвердил вход
api-problem-telegram-data-detail = Данные Telegram не подошли или им больше часа. Закройте страницу в Telegram и откройте её снова.
api-problem-wrong-password = Неверный логин или пароль
api-problem-wrong-password-detail = Логин или пароль не подошёл: проверьте их и попробуйте ещё раз. Забыли пароль? Войдите через бота и задайте новый.
api-problem-current-password = Нужен нынешний пароль
api-problem-current-password-detail = Введите нынешний пароль. Забыли его? Войдите через бота ещё раз и повторите в течение десяти минут.
api-problem-sign-in-again = Нужно войти ещё раз
api-problem-sign-in-again-detail = Подтвердите, что это вы: войдите ещё раз через бота или из Telegram и повторите в течение десяти минут.
notice-password-set = Для входа на сайт задан новый пароль. Это не вы? Войдите на сайт через меня, задайте другой и нажмите «{ page-close-all }».
notice-key-made = В вашем аккаунте создан ключ API { $hint }…. Это не вы? Откройте на сайте «{ page-my-account }» и нажмите «{ page-close-all }»: ключ будет отозван.
notice-erased = Все ваши данные удалены: удаление подтвердили на сайте.
api-problem-person-only = Только для человека
api-problem-person-only-detail = Этого нельзя сделать ключом программы: войдите сами.

tls-unreadable = { $setting }: файл { $path } не читается: { $reason }. Назовите файл в формате PEM, который может читать этот процесс.
tls-mismatch = { $setting }: { $certificate } и { $private } не подходят: { $reason }. Нужны сертификат с цепочкой и его ключ без пароля, оба в формате PEM.

account-name-refused = В логине от 2 до { $limit } знаков: латинские буквы, цифры и между ними . _ -. Начинается он с буквы.
account-name-reserved = Логин { $name } даёт только администратор: попросите его.
account-name-taken = Логин { $name } уже занят.
account-no-name = Сначала придумайте логин.
account-no-account = Учётной записи с логином { $name } нет.
account-password-length = В пароле должно быть от { $least } до { $most } знаков.
account-password-common = Такой пароль легко подобрать: он есть в списках утечек или похож на имя. Возьмите несколько слов, не связанных между собой.
account-ask-password = Пароль
account-ask-password-again = Ещё раз
account-password-differs = Пароли не совпали.
account-did-add = { $name }: ID { $user }, { $role }
account-did-name = { $user }: логин { $name }
account-did-password = { $name }: новый пароль задан, на всех устройствах выполнен выход
account-col-account = логин
account-first-password = Пароль, показывается один раз: { $password }

bot-login-ask =
    Кто-то входит на страницу Merlin под вашим именем.

    Код на странице: { $number }

    Если это вы и код тот же, нажмите «Это я, войти». Если страницу открыли не вы, нажмите «Это не я».
bot-login-yes = Это я, войти
bot-login-no = Это не я
bot-login-done = Вход подтверждён, вернитесь на страницу. Выйти можно там же, в разделе «Мои устройства».
bot-login-refused = Вход отклонён. Никому не пересылайте ссылки для входа.
bot-login-over = Эта ссылка больше не действует: она рассчитана на один вход в течение пяти минут. Получите новую на странице.
