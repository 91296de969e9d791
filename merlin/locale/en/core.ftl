error-plain = { $message }
error-provider = The provider refused: { $message }
error-provider-busy = The provider cannot answer now: { $message }
chart-train = train
chart-test = test
chart-steps = steps
chart-none = No losses measured yet.
