error-plain = { $message }
error-provider = Поставщик отказал: { $message }
error-provider-busy = Поставщик сейчас не отвечает: { $message }
