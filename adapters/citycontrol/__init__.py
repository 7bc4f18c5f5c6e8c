"""CityControl (Sigmax), in which field teams plan: orders go out as StUF-ZKN 3.10 over SOAP, and come back the same way.

The messages are those of the profile that Amsterdam's Signalen speaks with it: `creeerZaak_Lk01` for an order,
`voegZaakdocumentToe_Lk01` for each photo, and from CityControl `actualiseerZaakstatus_Lk01` and, for photos of the work,
`voegZaakdocumentToe_Lk01` at `/in/<instance>/soap`.
Success is HTTP 200 and exactly one Bv03. Messages are written with lxml and read with xmltodict.

How an order goes out once:
- its identification is our order id, `LEU-2026-000123.01`: the case and how often it went out. It is remembered before
  anything is sent, and raised when CityControl has mentioned that number or a higher one;
- each confirmed step (the case, each photo) is remembered; a photo that failed never repeats the case;
- where `questions_url` is set, what became of a lost answer is asked (Zaak- en Documentservices). Without, a person looks.

Known limitations:
- The public profile has no question and no cancelling. Both follow Zaak- en Documentservices when they are set up, and
  were never tried with a real CityControl; without, cancelling is put before a person with the number to phone through.
- That CityControl sends photos of the work as `voegZaakdocumentToe_Lk01` is our agreement with it: the public profile
  uses that message one way only. They may come before or after the status.
- Two statuses of a case with the same words on the same day, without a time, count as one.
- A photo of more than `max_document_bytes` does not go along; the text says so.
- Coordinates are WGS84 degrees in `Xcoordinaat` and `Ycoordinaat`, as Signalen sends them.
- How CityControl takes a second case with the same identification is not known; it is never sent one on purpose.
"""

from adapters.citycontrol.adapter import build

__all__ = ["build"]
