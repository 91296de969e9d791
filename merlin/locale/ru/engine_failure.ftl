### Почему задание не удалось: его файлы, диск, память.

engine-file-line = Строка { $line }: { $reason }
engine-file-too-many = В файле больше { $most } примеров; разделите его.
engine-file-too-few = { $n ->
    [one] В файле { $n } пример, а нужно не меньше { $least }. Добавьте примеров.
    [few] В файле { $n } примера, а нужно не меньше { $least }. Добавьте примеров.
   *[many] В файле { $n } примеров, а нужно не меньше { $least }. Добавьте примеров.
}
engine-file-long-line = длиннее { $most } байт. Разделите разговор или проверьте, не потеряны ли переводы строк.
engine-file-not-utf8 = не UTF-8, байт { $at } этой строки. Сохраните файл в UTF-8.
engine-file-not-json = это не JSON: { $reason }. В файле для обучения на каждой строке один объект JSON (JSON Lines).
engine-file-half-character = половина знака: одиночный суррогат (от \ud800 до \udfff). Запишите текст заново, в UTF-8.
engine-file-no-list = нужен объект со списком «{ $name }».
engine-file-no-preference = нужен объект с «input», «preferred_output» и «non_preferred_output».
engine-file-no-user = нет сообщения с ролью user. Добавьте вопрос.
engine-file-not-answered = у последнего сообщения должна быть роль assistant: на нём модель и учится.
engine-file-answered-before = input.messages: у последнего сообщения не должно быть роли assistant.
engine-file-output-role = { $name }: у каждого сообщения должна быть роль assistant.
engine-file-late-system = сообщение { $number }: system должно стоять раньше всех остальных ролей.
engine-file-tools = здесь объявлены или вызываются функции (tools), а этот движок им не обучает.
engine-file-no-message = сообщение { $number } — не объект.
engine-file-role = сообщение { $number }: роль { $role }; известны: { $known }.
engine-file-no-text = сообщение { $number } ({ $role }): content должен быть непустым текстом.
engine-file-weight = сообщение { $number }: weight должен быть 0 или 1.
engine-file-parts = сообщение { $number }: учить можно только частям типа «text».
engine-file-gone = Файл этого обучения удалён: { $name }. Загрузите его снова и создайте новое обучение.
engine-memory-out = Для этого обучения не хватает памяти. Возьмите меньше примеров или машину с большей памятью.
engine-disk-full = На диске движка нет места. Освободите его и создайте обучение снова.
engine-disk-refuses = Движок не может писать на диск: { $reason }. Проверьте диск и создайте обучение снова.
engine-bug = Ошибка в самом движке: { $kind }; подробности в его журнале.
