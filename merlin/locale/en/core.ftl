error-plain = { $message }
error-provider = The provider refused: { $message }
error-provider-busy = The provider cannot answer now: { $message }
