error-plain = { $message }
error-provider = The provider refused: { $message }
error-provider-busy = The provider can't answer now: { $reason ->
        [unreached] no connection ({ $message })
        [broken] the connection broke ({ $message })
        [slow] no answer for too long
        [unreadable] its answer can't be read ({ $message })
        [cut] its answer broke off
       *[other] { $message }
    }
chart-train = training loss
chart-test = test loss
chart-none = No loss measured yet.
