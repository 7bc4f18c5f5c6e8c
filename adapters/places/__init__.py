"""Where it is: completes the place of a contact on its way in, so that the area can decide the team.

| a contact has | it gets |
|---|---|
| a point (WGS84) | Belgian Lambert 2008, and the area of the city in which it lies |
| coordinates in Lambert 72 or 2008, as its address | the point, and then the same |
| the id of a registered address (`https://data.vlaanderen.be/id/adres/...`) | the address in words, its point, and then the same |
| an address in words | the point of the exact match in the address register, and then the same |
| a point without address | the nearest registered address |

The areas (deelgemeenten, sectors) come from a GeoJSON file of the city. The registers of Digitaal Vlaanderen are asked only when
they are switched on: `adresmatch` and `adressen` of the Basisregisters, and the geolocation service for the nearest address.

What the customer said himself is never overruled: an area, an address or a point that is there stays.

Known limitations:
- Without the grid of the Belgian mapping agency, Lambert 72 is right to about a metre: enough for a street.
- Only an exact match counts (score 100), and only when it is one place: a "Kerkstraat 1" that two villages have gets no point.
- A register that is away, slow or out of quota is left alone for a while; contacts go on without, and are not looked up again later.
- What the register says is kept in memory only, so each process asks for itself.
- A point that lies further from every area than `border_metres` has no area: the dispatch table decides by words.
"""

from adapters.places.adapter import build

__all__ = ["build"]
