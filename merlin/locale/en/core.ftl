error-plain = { $message }
error-provider = The provider refused: { $message }
error-provider-busy = The provider can't answer now: { $message }
chart-train = training loss
chart-test = test loss
chart-steps = steps
chart-none = No loss measured yet.
