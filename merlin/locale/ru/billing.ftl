format-text = текст
format-voice = голос
format-photo = фото
format-document = документы
quota-gift-amount = подарить можно от 1 до { NUMBER($most) } вопросов
quota-no-plan = в настройках нет плана { $plan }
