# Курсы
course-none = Курса { $course } нет: посмотрите `merlin courses`.
courses-none = Пока ни у одного набора нет course.yaml.
course-active = открыт
course-inactive = закрыт
col-semester = семестр
col-course = курс
col-name = название
col-materials = материалы
col-teachers = преподаватели
course-too-many-favourites = Больше { $limit } курсов в «Мои курсы» не добавить: уберите те, что не нужны.
course-unknown = Такого курса нет.
material-unknown = Такого материала в этом курсе нет.
