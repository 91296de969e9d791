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

api-front-title = Merlin
api-front-lead = Merlin's API answers here. Merlin turns example conversations in git into a model that people talk to in Telegram.
api-front-healthz = the process lives
api-front-readyz = the database answers; how the other processes are
api-front-metrics = counters for Prometheus
api-front-openapi = description of the API
api-front-version = Version { $version }
