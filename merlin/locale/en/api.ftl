# What the api says: problems (RFC 9457) and its front page.

api-problem-bad-request = Bad request
api-problem-bad-request-detail = The request cannot be understood.
api-problem-unauthorized = Not authorised
api-problem-unauthorized-detail = The key or password is missing, wrong, revoked or expired. Send another one.
api-problem-missing-scope = The key lacks a permission
api-problem-missing-scope-detail = This key has no permission for this: it needs { $scopes }. Create a key that has it.
api-problem-forbidden = Forbidden
api-problem-forbidden-detail = You have no permission for this. If you need it, ask an admin.
api-problem-not-found = Not found
api-problem-not-found-detail = There is nothing at this address.
api-problem-wrong-method = Wrong method
api-problem-wrong-method-detail = This address does not support this method.
api-problem-too-large = Too large
api-problem-too-large-detail = The body may have at most { $limit } KiB.
api-problem-not-json = JSON expected
api-problem-not-json-detail = The body must be JSON, not compressed, with the header Content-Type: application/json.
api-problem-unavailable = Temporarily unavailable
api-problem-unavailable-detail = Merlin cannot answer at the moment. Please try again in a few seconds.
api-problem-bug = Error in Merlin
api-problem-bug-detail = Something went wrong on our side. Send the admin the request_id: with it they can find the cause in the log.

api-problem-sign-in = Sign in required
api-problem-sign-in-detail = Sign in on the page, or send a key in the Authorization header.
api-problem-no-key = No API key
api-problem-no-key-detail = Send your key in the header “Authorization: Bearer KEY”. Create one on the page /me.
api-problem-blocked = Access blocked
api-problem-blocked-detail = An admin has blocked your access. If this is a mistake, write to them.
api-problem-foreign-origin = Request from another site
api-problem-foreign-origin-detail = A page of another site sent this request. Open our page and repeat it there.

api-problem-wrong-value = Wrong values
api-problem-wrong-value-detail = Some values are not valid: see errors for which and why.
api-problem-refused = Not possible now
api-problem-refused-detail = This cannot be done now.
api-problem-no-type = Unknown type of material
api-problem-no-type-detail = Known types: { $types }.
api-problem-bad-cursor = Wrong cursor
api-problem-bad-cursor-detail = This cursor is not valid. Take it from the Link header, or start from the first page.

api-wrong-character = Line { $line } has the invisible character { $code }. Remove it.
api-wrong-https = A link https://… is needed, without spaces and without a user name in it.
api-wrong-title = A title is needed in at least one language: one line of at most { $max_length } characters.
api-wrong-material-source = Send text or file_url.
api-wrong-repeated = A value is repeated.

