# Signing in to the page and the API: accounts, passwords, the yes in the bot, how often one may ask.

api-problem-too-many = Too often
api-problem-too-many-detail = Too many calls. Try again in { $seconds ->
        [one] { $seconds } second
       *[other] { $seconds } seconds
    }.
api-problem-needs-https = https is needed
api-problem-needs-https-detail = Signing in works over https alone, so that nobody can listen in. For the administrator: set api.tls, or name the proxy in api.proxies.
api-problem-telegram-data = Telegram did not confirm it
api-problem-telegram-data-detail = Telegram's data does not fit, or is more than an hour old. Close the page in Telegram and open it again.
api-problem-wrong-password = That was not right
api-problem-wrong-password-detail = The name or the password is not right. A password can be replaced by whoever signs in through the bot.
api-problem-current-password = The current password is needed
api-problem-current-password-detail = Give the current password to change it. If you have forgotten it, sign out, sign in through the bot, and set a new one at once.
api-problem-person-only = For people only
api-problem-person-only-detail = A program's key cannot do this: sign in yourself.
api-problem-openid = Signing in did not work
api-problem-openid-detail = Telegram did not confirm it. Begin anew.

api-tls-unreadable = { $setting }: the file { $path } cannot be read: { $reason }. Name a PEM file that the api may read.
api-tls-mismatch = api.tls: { $certificate } and { $private } do not fit: { $reason }. A certificate with its chain and its key without a password are needed, both as PEM.

account-name-refused = A name has 2 to { $limit } characters: Latin letters, digits, and . _ - between them; a letter comes first.
account-name-reserved = Only an administrator gives the name { $name }.
account-name-taken = The name { $name } is taken.
account-no-name = Take a user name first.
account-no-account = There is no account of the name { $name }.
account-no-sign-in = There is no such sign-in; perhaps it has been closed already.
account-password-length = A password has { $least } to { $most } characters.
account-password-common = This password is found quickly: it stands in lists of breaches, or is like a name. Take a few words that have nothing to do with each other.
account-ask-password = Password
account-ask-password-again = Once more
account-password-differs = The passwords are not the same.
account-did-add = { $name } has the number { $user }, { $role }
account-did-name = { $user } has the name { $name }
account-did-password = { $name } has a new password, every sign-in has ended
account-col-account = user name
account-first-password = The password, which is not shown again: { $password }

bot-login-ask =
    Somebody is signing in to the Merlin page as you.

    Browser: { $agent }
    Address: { $place }
    Number on the page: { $number }

    If it is you and the number is the same, press “It is me, sign in”. If you did not open the page, press “It is not me”.
bot-login-unknown = not known
bot-login-yes = It is me, sign in
bot-login-no = It is not me
bot-login-done = Done: go back to the page, you are signed in. You can sign out there, in the list of browsers.
bot-login-refused = Nobody was signed in. Never pass on links for signing in.
bot-login-over = This link for signing in is over: it lives for five minutes and opens once. Begin anew on the page.
