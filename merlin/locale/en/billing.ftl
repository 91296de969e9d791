format-text = text
format-voice = voice
format-photo = photos
format-document = documents
quota-gift-amount = a gift is 1 to { NUMBER($most) } questions
quota-no-plan = there is no plan { $plan } in the configuration
