# Курсы
courses-none = Пока ни у одного набора нет course.yaml.
course-active = открыт
course-inactive = закрыт
col-semester = семестр
col-course = курс
col-name = название
col-materials = материалы
col-teachers = преподаватели
course-too-many-favourites = В «Мои курсы» помещается до { $limit } курсов: уберите те, что не нужны.
course-unknown = Курс не найден: возможно, он скрыт или удалён. Откройте список курсов ещё раз.
material-unknown = Материал не найден: возможно, из курса его убрали. Откройте курс ещё раз.
