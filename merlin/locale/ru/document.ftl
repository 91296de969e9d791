# Документ, который становится материалом: что пропущено и на что посмотреть.
document-pages = { $kind ->
    [scanned] Пропущены страницы { $pages }: это картинки без текста (скан). Распознайте их текст или впишите его.
    [unread] Пропущены страницы { $pages }: их буквы не читаются. Сохраните PDF заново из программы, в которой он сделан.
    [columns] Прочитаны по колонкам страницы { $pages }. Посмотрите, верен ли порядок.
   *[turned] На страницах { $pages } текст повёрнут, и порядок может быть нарушен. Посмотрите на них.
  }
document-left = Пропущено: { $kind ->
    [pictures] { $count ->
        [one] { $count } картинка
        [few] { $count } картинки
        [many] { $count } картинок
       *[other] { $count } картинки
    }
    [notes] { $count ->
        [one] { $count } сноска
        [few] { $count } сноски
        [many] { $count } сносок
       *[other] { $count } сноски
    }
    [struck] { $count ->
        [one] { $count } зачёркнутый текст
        [few] { $count } зачёркнутых текста
        [many] { $count } зачёркнутых текстов
       *[other] { $count } зачёркнутого текста
    }
    [hidden-texts] { $count ->
        [one] { $count } скрытый текст
        [few] { $count } скрытых текста
        [many] { $count } скрытых текстов
       *[other] { $count } скрытого текста
    }
    [navigation] { $count ->
        [one] { $count } меню или подвал страницы
        [few] { $count } меню и подвала страницы
        [many] { $count } меню и подвалов страницы
       *[other] { $count } меню и подвала страницы
    }
   *[running-lines] { $count ->
        [one] { $count } строка с краю большинства страниц
        [few] { $count } строки с краю большинства страниц
        [many] { $count } строк с краю большинства страниц
       *[other] { $count } строки с краю большинства страниц
    }
  }.
document-part = { $title } ({ $first ->
    [0] часть { $number }
   *[other] с. { $first }–{ $last }
  })
document-not-in-git = { $path } не прочитать из репозитория. Откройте страницу снова.
document-no-file = Документ пришёл не целиком. Выберите его ещё раз.
did-material = { $count ->
    [one] { $count } материал
    [few] { $count } материала
    [many] { $count } материалов
   *[other] { $count } материала
  }, знаков: { NUMBER($characters) }
page-page-mark = С. { $page }
page-document = Из документа
page-document-lead = Файл PDF, Word или HTML становится материалом с заголовками, таблицами и страницами. Вы увидите его до сохранения.
page-document-choose = Документ
page-document-hint = PDF, Word (DOCX), HTML, Markdown или текст, до { $megabytes } МБ. Документ до { $kilobytes } КБ хранится рядом с текстом. Длинный текст станет несколькими материалами.
page-document-unread = Лежат в репозитории, ещё не прочитаны
page-document-show = Показать его текст
page-document-busy = Читаю…
page-document-notes = На что посмотреть
page-document-not-kept = Сам документ не хранится: в нём больше { $kilobytes } КБ.
page-document-save = { $count ->
    [1] Сохранить материал
    [one] Сохранить как { $count } материал
    [few] Сохранить как { $count } материала
    [many] Сохранить как { $count } материалов
   *[other] Сохранить как { $count } материала
  }
