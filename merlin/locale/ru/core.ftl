error-plain = { $message }
error-provider = Провайдер отказал: { $message }
error-provider-busy = Провайдер сейчас не отвечает: { $reason ->
        [unreached] нет связи ({ $message })
        [broken] связь оборвалась ({ $message })
        [slow] слишком долго нет ответа
        [unreadable] ответ не читается ({ $message })
        [cut] ответ оборвался
       *[other] { $message }
    }
chart-train = потери на обучении
chart-test = потери на тесте
chart-none = Потери ещё не измерены.
