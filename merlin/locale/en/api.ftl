# What the api says: problems (RFC 9457) and its front page.

api-problem-bad-request = The request can't be understood.
api-problem-unauthorized = The key or password is missing, wrong, revoked or expired. Send another one.
api-problem-missing-scope = This key has no permission for this: it needs { $scopes }. Create a key that has it.
api-problem-forbidden = You have no permission for this. If you need it, ask an admin.
api-problem-not-found = Nothing is at this address.
api-problem-wrong-base-url = Nothing is at this address. The base URL for clients of the OpenAI protocol ends with /v1, once.
api-problem-wrong-method = This address doesn't support this method.
api-problem-no-length = State the size of the body, in the header Content-Length.
api-problem-too-large = The body may have at most { $limit } KiB.
api-problem-not-json = The body must be JSON, not compressed, with the header Content-Type: application/json.
api-problem-unavailable = Merlin can't answer right now. Try again in a few seconds.
api-problem-bug = Something went wrong on our side. Send the admin the request_id: with it they can find the cause in the log.

api-problem-sign-in = Sign in on the page, or send a key in the Authorization header.
api-problem-no-key = Send your key in the header “Authorization: Bearer KEY”. Create one on the page /me.
api-problem-blocked = An admin has blocked your access. If this is a mistake, write to them.
api-problem-foreign-origin = A page of another site sent this request. Open our page and repeat it there.

api-problem-wrong-value = Some values aren't valid. Which ones, and why, is in errors.
api-problem-refused = This can't be done now.
api-problem-no-type = Known types: { $types }.
api-problem-bad-cursor = This cursor isn't valid. Take it from the Link header, or start from the first page.

api-wrong-character = Line { $line } has the invisible character { $code }. Remove it.
api-wrong-https = Give a link https://… without spaces and without a username.
api-wrong-title = A title is needed in at least one language: one line of at most { $max_length } characters.
api-wrong-material-source = A text or the address of a file is needed.
api-wrong-repeated = A value is repeated.

