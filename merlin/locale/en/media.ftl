# Voice, photos and documents: why something was not read, and what to do about it.
media-password = The document is locked with a password, so I can't read it. Remove the password and send the document again.
media-damaged = The file is damaged, so I couldn't read it. Re-save it and send it again.
media-no-text = The document has no text, only pictures: it looks like a scan. Send text, or a document whose words can be selected.
media-empty = The file is empty. Send another one.
media-unknown = I don't read files of this kind. Send a document of one of these kinds: { $kinds }.
media-too-large = The file is too large: I take files of up to { $megabytes } MB. Send it in parts.
media-too-long = The document is too long: I read documents of fewer than { NUMBER($characters) } characters. Send the chapter you need on its own.
media-bomb = The file is too large once unpacked. Send an ordinary document.
media-slow = The document is too complex to read in time. Send it in parts or as plain text.
media-not-found = This file is no longer on Telegram. Please send it again.
media-voice-too-long = The recording is too long: I listen for at most { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }. Send it in parts.
media-voice-off = Voice messages aren't turned on here. Write your question and I'll answer.
media-photo-off = Photos aren't turned on here: this model can't see them. Describe your question in words.
media-silence = I couldn't make out any words in this recording. Record it again closer to the microphone, or write your question.
media-cut = ⚠️ I couldn't read part of the document: there are pictures or notes, or it's damaged there. The answer uses the rest.
media-silent = ⚠️ I couldn't make out any words in one of the recordings. The answer uses the rest.
notice-sunset-transcription = Provider { $provider } shuts down the model { $model } on { $date }. Voice messages will stop working then. Set another one in chat.transcription of config.yaml.
notice-sunset-vision = Provider { $provider } shuts down the model { $model } on { $date }. Questions with photos will get no answer then. Set another one in chat.vision of config.yaml.
notice-sunset-assistant = Provider { $provider } shuts down the model { $model } on { $date }. Presets and people's own instructions will stop working then. Set another one in chat.assistant of config.yaml.
media-photo-unknown = I can't open this picture: it's damaged, or isn't JPEG, PNG, WebP or GIF. Send it as an ordinary photo.
media-sound-unknown = I can't open this recording: it's damaged or in another format. Send it as a voice message or an MP3, M4A, OGG or WAV file.
media-misnamed = This file is really { $kind ->
        [photo] a picture, not a document. Send it as a photo.
       *[voice] a recording, not a document. Send it as audio.
    }
media-not-fetched = Telegram can't give me this file right now. Please send it again in a few minutes.
media-transcription-busy = I can't transcribe this now: the service is busy. Send it again in a few minutes, or write your question.
media-transcription-failed = I couldn't transcribe this recording. The admins have been notified. Write your question and I'll answer.
media-reading = { $kind ->
        [voice] 🎙 Listening…
        [photo] 🖼 Looking…
       *[document] 📄 Reading the document…
    }
media-beginning = ⚠️ It didn't all fit: I read only the beginning. Send the rest separately.
media-left-out = ⚠️ You sent files of several kinds: I took only the { $kind ->
        [photo] photos
        [voice] recordings
       *[document] documents
    }.
media-first-photos = ⚠️ I looked only at the first { $count } photos. Send the others separately.
media-unread = ⚠️ I couldn't read: { $parts }.
media-part = { $kind ->
        [animation] an animation
        [contact] a contact
        [depth] parts nested too deeply
        [dice] a dice
        [elsewhere] the message of another chat that you replied to
        [file] a file
        [game] a game
        [gift] a gift
        [giveaway] a giveaway
        [invoice] an invoice
        [location] a location
        [paid] paid media
        [quoted] the end of the message you replied to
        [rest] the end of a long message
        [second] a second file
        [sticker] a sticker
        [story] a story
        [video] a video
        [widget] a widget
       *[unknown] something I don't know
    }
media-ask-photo = What is in the photo?
media-next = [The course's model answers the next question. To ask more about the file, send it again with the question as its caption.]
media-ask-document = Summarise this document.
media-ask-voice = Summarise what is said in this recording.
media-other = I can't read this kind of message. Send text, a voice message, a photo or a document.
notice-hear-failed = Provider { $provider } failed to transcribe a voice message with the model { $model } ({ $reason }). Check chat.transcription in config.yaml.
