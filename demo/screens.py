"""Every screen of the demo city, with what is to be seen there: for the page that links them."""

from demo.city_hall import CityHall
from demo.outside.around import Place

_CREWS = {
    "wegen": "Wegen: CityControl (StUF-ZKN, SOAP)",
    "verlichting": "Verlichting: planning achter een WSDL",
    "reiniging": "Reiniging: planning met Open311",
    "groen": "Groen: takenlijst (CalDAV op Radicale)",
}
_LIST = "De werklijst van de ploeg, met knoppen: plannen, beginnen, klaar, annuleren. De burger hoort wat u kiest."


def screens(city: CityHall, console: str, own: str) -> tuple[Place, ...]:
    """In the order in which a newcomer looks at them. `own`: address of the page that links them, with a slash."""
    return (*_at_the_city(city, console), *_of_customers(city, own), *_of_crews(city), *_of_flanders(city))


def _at_the_city(city: CityHall, console: str) -> tuple[Place, ...]:
    group = "Bij de stad"
    return (
        Place(
            group=group,
            title="Console van de hub",
            address=console,
            shows="Elk bericht terwijl het voorbijkomt, elke zaak met haar hele geschiedenis, wat misging, en wie te laat is.",
            login="kcc of beheer",
        ),
        Place(
            group=group,
            title="Tracker (Roundup)",
            address=city.tracker.url,
            shows="Waarin de behandelaarsgroepen werken: een zaak per contact.",
            login="kcc, of een groep zoals wegen-oost",
        ),
        Place(
            group=group,
            title="Balie",
            address=f"http://{city.address}/in/counter/",
            shows="Waar een loketmedewerker registreert en in de productencatalogus zoekt.",
            login="kcc, op het adres van de console",
        ),
    )


def _of_customers(city: CityHall, own: str) -> tuple[Place, ...]:
    group = "Wat burgers, ondernemingen en verenigingen zien"
    return (
        Place(
            group=group,
            title="Mijn zaken",
            address=f"http://{city.address}/in/mijn_burgerprofiel/",
            shows="De pagina van de stad achter Mijn Burgerprofiel: eigen zaken volgen, en antwoorden.",
            login="kies An Peeters",
        ),
        Place(
            group=group,
            title="Portalen van Vlaanderen",
            address=f"{city.outside.dosis.origin}/",
            shows="Dossiers en berichten in Mijn Burgerprofiel, e-loket ondernemers en Verenigingsloket (DOSIS).",
        ),
        Place(
            group=group,
            title="Berichten",
            address=f"{city.outside.notifications.origin}/",
            shows="De notificaties alleen, en wie geen mails wil.",
        ),
        Place(
            group=group,
            title="Brieven",
            address=f"{own}brieven",
            shows="De mails die de stad stuurde: ontvangen, gepland, uitgevoerd, antwoord.",
        ),
        Place(
            group=group,
            title="Meldingen-app",
            address=f"{own}app",
            shows="Hoe het staat met wat via de app gemeld werd (Open311).",
        ),
        Place(
            group=group,
            title="Parkeerautomaten",
            address=f"{own}parkeren",
            shows="Wat een bestaand systeem van de stad over zijn meldingen hoort.",
        ),
    )


def _of_crews(city: CityHall) -> tuple[Place, ...]:
    return tuple(
        Place(group="Wat de ploegen zien", title=_CREWS[name], address=crew.page, shows=_LIST)
        for name, crew in city.outside.crews.items()
    )


def _of_flanders(city: CityHall) -> tuple[Place, ...]:
    group = "Waar de hub iets opzoekt"
    return (
        Place(
            group=group,
            title="Producten- en dienstencatalogus (IPDC)",
            address=f"{city.outside.catalogue.system.origin}/",
            shows="De teksten waarmee balie, telefoon en diensten antwoorden, met versie en datum.",
        ),
        Place(
            group=group,
            title="MAGDA",
            address=f"{city.outside.magda_page}/",
            shows="Welke namen de hub opvroeg, en wat geantwoord werd. Over wie staat er niet.",
        ),
    )
