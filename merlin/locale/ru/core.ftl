error-plain = { $message }
error-provider = Поставщик отказал: { $message }
error-provider-busy = Поставщик сейчас не отвечает: { $message }
chart-train = учебные
chart-test = проверочные
chart-steps = шаги
chart-none = Потерь пока не измерено.
