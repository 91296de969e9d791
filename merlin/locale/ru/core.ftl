error-plain = { $message }
error-provider = Поставщик отказал: { $message }
error-provider-busy = Поставщик сейчас не отвечает: { $message }
chart-train = потери на обучении
chart-test = потери на тесте
chart-steps = шаги
chart-none = Потери ещё не измерены.
