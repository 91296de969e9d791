# Voice, photos and documents: why something was not read, and what to do about it.
media-password = The document is locked with a password, so I cannot read it. Remove the password and send it again.
media-damaged = The file is damaged and cannot be read. Open it on your side, save it anew and send it again.
media-no-text = The document has no text, only pictures: it looks like a scan. Send text, or a document whose words can be selected.
media-empty = The file is empty: there is nothing in it to read.
media-unknown = I do not read files of this kind. Send a document of one of these kinds: { $kinds }.
media-too-large = The file is too large: I take files of up to { $megabytes } MB. Send it in parts.
media-too-long = The document is too long: I read documents of fewer than { NUMBER($characters) } characters. Send the chapter you need on its own.
media-bomb = There is too much inside the file: unpacked, it does not fit into memory. Send an ordinary document.
media-slow = The document is built in such a way that it could not be read in the time there is. Send it in parts or as plain text.
media-gone = Telegram does not hand this file out any more. Please send it again.
media-voice-too-long = The recording is too long: I listen for at most { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }. Send it in parts.
media-voice-off = Voice messages are not switched on here. Write your question in words and I will answer.
media-photo-off = Photos are not switched on here: the model that answers does not see them. Put your question into words.
media-silence = I could not make out any words in this recording. Record it again closer to the microphone, or write your question.
media-cut = [Part of the document could not be read: pictures or damage. The answer rests on the remaining text.]
notice-sunset-transcription = The model { $model } at the provider { $provider } goes dark on { $date }: voice messages will stop working. Name another one in config.yaml, chat.transcription, in time.
notice-sunset-vision = The model { $model } at the provider { $provider } goes dark on { $date }: questions with photos will get no answer. Name another one in config.yaml, chat.vision, in time.
notice-sunset-assistant = The model { $model } at the provider { $provider } goes dark on { $date }: summaries and presets will stop working. Name another one in config.yaml, chat.assistant, in time.
media-document-off = Documents are not switched on here. Paste the text into a message and I will answer.
media-photo-unknown = I cannot open a picture of this kind: I take JPEG, PNG, WebP and GIF. Send it as an ordinary photo.
media-sound-unknown = I cannot make out a recording of this kind. Send it as a voice message or as an MP3, M4A, OGG or WAV file.
media-misnamed = Inside this file is { $kind ->
        [photo] a picture, not a document. Send it as a photo.
       *[voice] a recording, not a document. Send it as audio.
    }
media-not-fetched = Telegram does not hand this file out right now. Please send it again in a few minutes.
media-hear-busy = Nobody can listen to recordings right now: the provider is busy. Send it again in a few minutes, or write your question.
media-hear-failed = The recording could not be listened to: the provider refused. The administrators will hear of it. Write your question in words and I will answer.
media-part-failed = The model stopped answering at part { $part }, so the document was not read to its end. Send it again in a few minutes: this question was not counted.
media-at-it = { $kind ->
        [voice] 🎙 Listening…
        [photo] 🖼 Looking…
       *[document] 📄 Reading the document…
    }
media-progress = 📄 A long document, I read it in parts: part { $part } of { $parts }
media-parts = [The document is long, so it was read in parts: { $parts } of them. Small details may be lost.]
media-parts-cut = [The document is very long: { $read ->
        [one] the first part was read
       *[other] the first { $read } parts were read
    } of { $parts }. Ask about the rest with a file of its own.]
media-left-out = [The album holds files of several kinds: I took only the { $kind ->
        [photo] photos
        [voice] recordings
       *[document] documents
    }.]
media-ask-photo = What is in the photo?
media-ask-document = Tell me briefly what this document says: a summary.
media-ask-voice = Tell me briefly what is said in this recording: a summary.
media-part-wish = Below is part { $part } of { $parts } of a long document. Summarise it briefly, keep facts, numbers, names and all that is needed to answer the question: { $question }
media-other = I do not understand messages of this kind. Send text, a voice message, a photo or a document.
notice-hear-failed = The provider { $provider } did not write a voice message down with the model { $model } ({ $reason }). Check chat.transcription in config.yaml.
edited-late = This message is more than an hour old, so I do not answer the correction. Send the question as a new message.
edited-long = The question was several messages long, and a correction of one of them does not help me. Send it again as a whole.
