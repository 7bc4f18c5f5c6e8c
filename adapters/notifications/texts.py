"""What customers read on the page to end notifications: Dutch first, then English."""

from collections.abc import Mapping

TEXTS: Mapping[str, Mapping[str, str]] = {
    "nl": {
        "title": "Meldingen over uw vragen aan {city}",
        "ask": "Wilt u geen berichten meer krijgen als er iets verandert aan uw vragen of meldingen?",
        "ask.more": "Het antwoord op uw vraag krijgt u altijd.",
        "ask.button": "Ja, stuur geen berichten meer",
        "out": "U krijgt geen berichten meer over veranderingen.",
        "out.more": "Het antwoord op uw vraag krijgt u altijd. Hebt u zich vergist?",
        "out.button": "Stuur me toch berichten",
        "back": "U krijgt opnieuw berichten als er iets verandert.",
        "unknown": "Deze koppeling werkt niet. Open ze rechtstreeks vanuit het bericht dat u kreeg.",
        "later": "Dat lukt nu even niet. Probeer het over enkele minuten opnieuw.",
        "other": "In English",
    },
    "en": {
        "title": "Notifications about your questions to {city}",
        "ask": "Do you want no more messages when something changes in your questions or reports?",
        "ask.more": "You will always get the answer to your question.",
        "ask.button": "Yes, send no more messages",
        "out": "You will get no more messages about changes.",
        "out.more": "You will always get the answer to your question. Was this a mistake?",
        "out.button": "Send me messages after all",
        "back": "You will get messages again when something changes.",
        "unknown": "This link does not work. Open it straight from the message that you received.",
        "later": "That is not possible right now. Please try again in a few minutes.",
        "other": "Nederlands",
    },
}
