"""What servers answer to a conversation longer than the model's window, and what looks alike."""

# The server, the status, the error object or text, and the limit in tokens that it names.
TOO_LONG = {
    "OpenAI": (
        400,
        {
            "message": "This model's maximum context length is 2048 tokens. However, your"
            " messages resulted in 5000 tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "code": "context_length_exceeded",
        },
        2048,
    ),
    "OpenAI, responses": (
        400,
        {
            "message": "Your input exceeds the context window of this model.",
            "code": "invalid_request_error",
        },
        None,
    ),
    "vLLM 0.32.0": (
        400,
        {
            "message": "This model's maximum context length is 2048 tokens. However, your"
            " request has 5008 input tokens plus 45 'max_tokens'. Please reduce one.",
            "type": "BadRequestError",
            "code": 400,
        },
        2048,
    ),
    "vLLM": (
        400,
        {
            "message": "The decoder prompt (length 25938) is longer than the maximum model"
            " length of 4096. Make sure that `max_model_len` is no smaller.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        4096,
    ),
    "vLLM 0.6": (
        400,
        {
            "message": "The prompt (total length 25938) is too long to fit into the model"
            " (context length 4096).",
            "code": 400,
        },
        4096,
    ),
    "SGLang": (
        400,
        {
            "object": "error",
            "message": "The input (131123 tokens) is longer than the model's context"
            " length (131072 tokens).",
            "type": "BadRequestError",
            "code": 400,
        },
        131072,
    ),
    "SGLang, with its answer": (
        400,
        {
            "message": "Requested token count exceeds the model's maximum context length of"
            " 4096 tokens. You requested a total of 5100 tokens.",
            "code": "400",
        },
        4096,
    ),
    "LM Studio 0.3": (
        400,
        (
            "Trying to keep the first 10136 tokens when context the overflows. However, the"
            " model is loaded with context length of only 7866 tokens, which is not enough."
        ),
        7866,
    ),
    "LM Studio 0.4": (
        400,
        (
            "The number of tokens to keep from the initial prompt is greater than the context"
            " length (n_keep: 15857>= n_ctx: 8192)."
        ),
        8192,
    ),
    "TGI": (
        422,
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096."
            " Given: 5000 `inputs` tokens and 20 `max_new_tokens`"
        ),
        4096,
    ),
    "TGI, with its window": (
        422,
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
        1024,
    ),
    "llama.cpp": (
        400,
        {
            "code": 400,
            "message": "request (1631 tokens) exceeds the available context size (512"
            " tokens), try increasing it",
            "type": "exceed_context_size_error",
        },
        512,
    ),
    "llama.cpp of 2025": (
        500,
        {
            "code": 500,
            "message": "the request exceeds the available context size. try increasing the"
            " context size or enable context shift",
            "type": "server_error",
        },
        None,
    ),
    "litellm 1.108.7": (
        400,
        {
            "message": "litellm.ContextWindowExceededError: litellm.BadRequestError: too"
            " much",
            "type": None,
            "code": "400",
        },
        None,
    ),
    "Ollama": (400, {"message": "the input length exceeds the context length"}, None),
    "Mistral": (
        400,
        {
            "message": "Prompt contains 9000 tokens, too large for model with 8192 maximum"
            " context length",
            "type": "invalid_request_invalid_args",
            "code": "3051",
        },
        8192,
    ),
    "Groq": (
        413,
        {"message": "Request too large for model", "code": "rate_limit_exceeded"},
        None,
    ),
    "Kimi": (
        400,
        {
            "message": "Your request exceeded model token limit: 8192 (requested: 9000)",
            "type": "invalid_request_error",
        },
        8192,
    ),
    "Gemini": (
        400,
        {
            "code": 400,
            "message": "The input token count (1196265) exceeds the maximum number of tokens"
            " allowed (1048575).",
            "status": "INVALID_ARGUMENT",
        },
        1048575,
    ),
    "Anthropic": (
        400,
        {
            "type": "invalid_request_error",
            "message": "prompt is too long: 213462 tokens > 200000 maximum",
        },
        200000,
    ),
    "xAI": (
        400,
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
        131072,
    ),
    "Z.ai": (400, {"code": "model_context_window_exceeded", "message": ""}, None),
    "a cloud in front": (413, None, None),
}

# Other refusals that name tokens, messages, lengths or a context.
OTHERS = {
    "limit of the answer": (
        400,
        {
            "message": "max_tokens is too large: 32768. This model supports at most 16384"
            " completion tokens",
            "param": "max_tokens",
            "code": "invalid_value",
        },
    ),
    "limit of the answer, Groq": (
        400,
        {
            "message": "`max_tokens` must be less than or equal to `8192`, the maximum value"
            " is less than the `context_window` for this model"
        },
    ),
    "role": (
        400,
        {
            "message": "Unsupported value: 'messages[0].role' does not support 'system'"
            " with this model."
        },
    ),
    "picture": (
        400,
        {"message": "Invalid image input: its size exceeds the maximum of 20 MB"},
    ),
    "rate": (
        400,
        {
            "message": "This request would exceed your rate limit of 40,000 input tokens"
            " per minute"
        },
    ),
    "rate, by its status": (
        429,
        {"message": "The input exceeds 40,000 tokens in a minute: too many"},
    ),
    "key": (401, {"message": "the context of your key is too long"}),
    "account": (
        400,
        {
            "message": "the prompt is too long for your credit, in tokens",
            "code": "insufficient_quota",
        },
    ),
}
