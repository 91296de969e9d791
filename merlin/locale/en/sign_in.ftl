# Signing in to the page and the API: accounts, passwords, the yes in the bot, how often one may ask.

api-problem-too-many = Too many calls. Try again in { $seconds ->
        [one] { $seconds } second
       *[other] { $seconds } seconds
    }.
api-problem-needs-https = Sign in works over https only, so that your password stays private. For the admin: set api.tls, or name the proxy in api.proxies.
api-problem-telegram-data = Telegram's data doesn't match, is more than an hour old, or is from before you signed out everywhere. Close the page in Telegram and open it again.
api-problem-wrong-password = The username or the password is wrong: check both and try again. Forgot the password? Sign in through the bot and set a new one.
api-problem-current-password = Enter the current password. Forgot it? Sign in through the bot again and repeat this within ten minutes.
api-problem-sign-in-again = Confirm that it is you: sign in again through the bot or from Telegram, and repeat this within ten minutes.
notice-password-set = A new password for signing in on the site was set. Wasn't it you? Sign in on the site through me, set another one and press “{ page-close-all }”.
notice-key-made = A new API key { $hint }… was created in your account. Wasn't it you? Open “{ page-my-account }” on the site and press “{ page-close-all }”: that revokes it.
notice-erased = All your data was deleted, as confirmed on the site.
api-problem-person-only = A key of a program can't do this: sign in yourself.

tls-unusable = { $setting }: { $certificate } and { $private } can't be used: { $reason }. Give a certificate with its chain, and its key without a password, both as PEM.

account-name-refused = A username has 2 to { $limit } characters: Latin letters, digits, and . _ - between them. It starts with a letter.
account-name-reserved = Only an admin can give the username { $name }: ask one.
account-name-taken = The username { $name } is taken.
account-no-name = Choose a username first.
account-no-account = Username { $name } not found.
account-password-length = A password needs { $least } to { $most } characters.
account-password-common = Too easy to guess: it's in leaked lists or looks like your name. Use a few unrelated words.
account-ask-password = Password
account-ask-password-again = Once more
account-password-differs = The passwords don't match.
account-did-add = { $name }: ID { $user }, { $role }
account-did-name = { $user }: username { $name }
account-did-password = { $name }: new password set, signed out everywhere
account-col-account = username
account-first-password = Password, shown only once: { $password }

bot-login-ask = Someone is signing in to the Merlin page as you.

    Code on the page: { $number }

    If it's you and the code is the same, tap “It's me, sign in”. If you didn't open the page, tap “It isn't me”.
bot-login-yes = It's me, sign in
bot-login-no = It isn't me
bot-login-done = You're signed in: go back to the page. You can sign out there, under “Your devices”.
bot-login-refused = Sign-in declined. Never share sign-in links.
bot-login-over = This link no longer works. Links work once, for five minutes. Get a new one on the page.
