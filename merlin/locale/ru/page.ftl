# Страницы, которые открывают в браузере и внутри Telegram: рамка, каталог, курс, материал.

page-skip = К содержимому
page-home = Merlin, на главную
page-sections = Разделы
page-menu = Меню
page-nav-courses = Курсы
page-other-language = en
page-other-language-name = English version
page-to-dark = Включить тёмную тему
page-to-light = Включить светлую тему
page-sign-in = Войти
page-me-of = Мой кабинет: { $person }

page-courses = Курсы
page-courses-lead = Лекции, семинары и лабораторные. По каждому курсу можно спросить: отвечает модель, обученная на его примерах.
page-find-course = Найти курс
page-find-hint = Название или тема
page-all-courses = ВСЕ КУРСЫ
page-some-of = { $here } из { $total }
page-found =
    { $count ->
        [0] Ничего не нашлось
        [one] Найден { $count } курс
        [few] Найдено { $count } курса
       *[other] Найдено { $count } курсов
    }
page-search-corrected = Искали «{ $query }»: показано по запросу «{ $meant }».
page-found-in = Где это в курсе «{ $course }»
page-nothing-found = Ничего не нашлось: «{ $query }»
page-nothing-found-hint = Проверьте запрос или откройте весь список.
page-course-ask = можно спросить
page-course-training = модель учится
page-course-reading = модели пока нет
page-show-all = Показать все курсы
page-nothing-here = Здесь пока пусто
page-no-courses-hint = Курсы появятся, как только преподаватель добавит первый.
page-more-courses =
    { $count ->
        [one] Ещё { $count } курс не показан: напишите в поле слово из названия.
        [few] Ещё { $count } курса не показаны: напишите в поле слово из названия.
       *[other] Ещё { $count } курсов не показаны: напишите в поле слово из названия.
    }
page-list-failed = Не удалось загрузить курсы
page-list-failed-hint = Сервер не ответил. Ваши курсы на месте.
page-case = Код ошибки: { $case }
page-again = Повторить
page-semester = { $number }-й семестр
page-count-lecture =
    { $count ->
        [one] { $count } лекция
        [few] { $count } лекции
       *[other] { $count } лекций
    }
page-count-seminar =
    { $count ->
        [one] { $count } семинар
        [few] { $count } семинара
       *[other] { $count } семинаров
    }
page-count-lab = { $count } лаб.
page-count-none = материалов пока нет

page-mine = Мои курсы
page-mine-none = Нажмите «+» у курса, и он появится здесь.
page-favourite-add = Добавить «{ $name }» в «Мои курсы»
page-favourite-remove = Убрать «{ $name }» из «Моих курсов»
page-favourite-remove-short = Убрать «{ $name }»
page-result-added = Курс «{ $name }» добавлен в «Мои курсы».
page-result-removed = Курс «{ $name }» убран из «Моих курсов».
page-undo = Вернуть
page-failed = Не получилось: нет связи. Повторите чуть позже.
page-no-cookies = Браузер ничего не хранит для этого сайта: вход и «Мои курсы» не сохранятся. Разрешите сайту cookie и обновите страницу.
page-lost = Нет связи. Страница обновится сама, когда связь вернётся.

page-back-to-courses = Все курсы
page-taught-by =
    { $count ->
        [1] преподаватель: { $teachers }
       *[other] преподаватели: { $teachers }
    }
page-ask-course = Спросить по курсу
page-not-active = скрыт от студентов
page-kind-of = Тип материала
page-kind-all = Все
page-kinds-lecture = Лекции
page-kinds-seminar = Семинары
page-kinds-lab = Лабораторные
page-shown =
    { $count ->
        [one] Показан { $count } материал
        [few] Показано { $count } материала
       *[other] Показано { $count } материалов
    }
page-no-materials-hint = Материалы появятся, когда преподаватель добавит первый. Курс уже можно добавить в «Мои курсы».
page-lesson-lecture = Лекция { $lesson }
page-lesson-seminar = Семинар { $lesson }
page-lesson-lab = Лабораторная { $lesson }
page-text = Текст
page-file = Файл
page-at-host = на { $host }

page-back = Назад
page-ask = Спросить
page-ask-this-lecture = Спросить об этой лекции
page-ask-this-seminar = Спросить об этом семинаре
page-ask-this-lab = Спросить об этой лабораторной
page-opens-at = откроется на { $host }
page-open-file = Открыть файл
page-no-text = Текст ещё не загружен
page-no-text-hint = Он появится через минуту после сохранения правки. Обновите страницу.
page-neighbours = Соседние материалы
page-on-this-page = На этой странице
page-contents = Содержание
page-code = Код
page-table = Таблица
page-copy = Скопировать
page-copied = Скопировано

page-to-courses = К курсам
page-error-401 = Войдите ещё раз
page-error-401-hint = Вход закончился, поэтому ничего не сохранено. Ваш текст цел: войдите в новой вкладке, вернитесь в эту и обновите её — форма отправится ещё раз.
page-sign-in-new-tab = Войти в новой вкладке
page-error-403 = Нет доступа
page-error-403-hint = У вас нет на это права, или запрос пришёл с другого сайта. Ничего не изменилось.
page-error-404 = Страница не найдена
page-error-404-hint = Возможно, её убрали или скрыли, или в адресе опечатка. Можно начать со списка курсов.
page-error-405 = Так не получится
page-error-405-hint = Так этот адрес не открывается. Вернитесь к курсам.
page-error-409 = Сейчас так сделать нельзя
page-error-409-hint = Ничего не изменилось. Вернитесь на страницу и посмотрите, как там сейчас.
page-error-413 = Слишком длинный текст или файл
page-error-413-hint = В форму помещается до одного мегабайта (около 500 000 русских букв или миллиона английских), в загрузку — файлы до 4 МБ. Ничего не изменилось: вернитесь назад, сократите текст или файл и отправьте ещё раз.
page-error-422 = Проверьте форму
page-error-422-hint = Что-то не заполнено или не подошло. Ничего не изменилось: вернитесь и исправьте.
page-error-429 = Слишком много запросов
page-error-429-hint = Подождите минуту и повторите. Ничего не потеряно.
page-error-500 = Что-то сломалось у нас
page-error-500-hint = Ваши курсы и вопросы на месте. Повторите, а если не поможет, сообщите преподавателю код ошибки.
page-error-503 = Merlin сейчас не отвечает
page-error-503-hint = Ваши курсы и вопросы на месте. Повторите через несколько секунд.
