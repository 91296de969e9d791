# Что меняют через API преподаватели и редакторы.
course-broken = course.yaml этого курса не читается (строка { $line }): { $reason } Исправьте его в git.
course-unwritable = Этот текст нельзя записать в course.yaml.
teaching-unchanged = Ничего не изменено.
teaching-no-revision = Назовите revision, которую вы видели.
change-not-committed = Отменить можно только сохранённую правку.
change-undo-early = Правка ещё не дошла сюда, или { $path } уже снова такой, как был. Повторите через минуту.
change-undo-since = { $path } с тех пор правили ещё раз, и отмена стёрла бы и ту правку. Откройте файл и поправьте его сами.
change-undo-lost = Прежний текст { $path } здесь не хранится, вернуть его можно в git.
change-too-late = Поздно: правка уже сохранена, отклонена или отправляется в репозиторий.
model-not-serving = Модель { $model } сейчас не текущая, закреплять нечего.

api-problem-stale = Пока вы правили, это изменила другая правка. В ответе оба текста и новая revision.
api-problem-not-good = Проверка нашла ошибки, поэтому ничего не сохранено. Они перечислены в findings.
api-problem-busy-file = Этот файл сейчас меняют другие. Повторите.
api-problem-unseen-commit = Merlin ещё принимает последний коммит. Повторите через несколько секунд: пока ничего не изменено.
api-problem-question-and-answer = Для нового примера нужны question и answer; редактор может прислать весь файл в text.
api-problem-too-long-example = Вопрос и ответ могут быть не длиннее { $limit } знаков.
api-problem-consent-needed = Ваши слова можно взять в примеры только с вашего согласия. Дайте его в боте: /privacy.
api-problem-too-many-proposals = Ваши прежние исправления ещё ждут редактора. Дождитесь его решения.
