# What the api says: problems (RFC 9457) and its front page.

api-problem-bad-request = Bad request
api-problem-bad-request-detail = The request cannot be understood.
api-problem-unauthorized = Not authorised
api-problem-unauthorized-detail = The secret is missing or wrong.
api-problem-forbidden = Forbidden
api-problem-forbidden-detail = You may not do this.
api-problem-not-found = Not found
api-problem-not-found-detail = There is nothing at this address.
api-problem-wrong-method = Wrong method
api-problem-wrong-method-detail = This address does not know this method.
api-problem-too-large = Too large
api-problem-too-large-detail = The body may have at most { $limit } KiB.
api-problem-not-json = JSON is wanted
api-problem-not-json-detail = The body must be JSON, with the header Content-Type: application/json.
api-problem-unavailable = Not now
api-problem-unavailable-detail = Merlin cannot answer at the moment. Please try again in a few seconds.
api-problem-bug = Error in Merlin
api-problem-bug-detail = Something went wrong on our side. Tell the operator the request_id: it finds the cause in the log.

api-problem-sign-in = Sign in first
api-problem-sign-in-detail = Sign in on the page, or send a key in the Authorization header.
api-problem-blocked = Access is closed
api-problem-blocked-detail = An administrator has closed your access. Write to them if this is a mistake.
api-problem-foreign-origin = A call from another site
api-problem-foreign-origin-detail = A page of another site sent this call. Open our own page and repeat it there.

api-problem-wrong-value = Wrong values
api-problem-wrong-value-detail = Some values cannot be taken: errors says which and why.
api-problem-refused = Not possible now
api-problem-refused-detail = This cannot be done now.
api-problem-no-type = No such type of material
api-problem-no-type-detail = There are: { $types }.
api-problem-bad-cursor = Wrong cursor
api-problem-bad-cursor-detail = We gave no such cursor. Take it from the Link header, or begin with the first part.

api-wrong-plain = This value cannot be taken.
api-wrong-missing = This value is missing.
api-wrong-extra = There is no such field here.
api-wrong-json = This is not JSON.
api-wrong-object = A JSON object is needed.
api-wrong-list = A list is needed.
api-wrong-string = A string is needed.
api-wrong-unicode = The string holds signs that Unicode does not have.
api-wrong-integer = A whole number is needed.
api-wrong-number = A number is needed.
api-wrong-boolean = It must be true or false.
api-wrong-at-least = At least { $ge }.
api-wrong-more-than = More than { $gt }.
api-wrong-at-most = At most { $le }.
api-wrong-less-than = Less than { $lt }.
api-wrong-too-short = Too short: the least length is { $minlength }.
api-wrong-too-long = Too long: the greatest length is { $maxlength }.
api-wrong-too-few = Too few: at least { $minlength }.
api-wrong-too-many = Too many: at most { $maxlength }.
api-wrong-one-of = Only one of these: { $expected }.
