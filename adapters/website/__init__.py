"""The city's website and its form builders: they post a submission, we answer with a receipt.

Four doors, all under `/in/<instance>`:

| door | who posts | proof of identity | the submission's own id |
|---|---|---|---|
| `POST /json` | any system that speaks our JSON contract | Standard Webhooks signature | `webhook-id` header |
| `POST /form` | a web server that passes a HTML form on (multipart) | token | field `id` or header `Idempotency-Key` |
| `POST /drupal` | Drupal Webform's "Remote post" | token | element `uuid`, else content and day |
| `POST /open-formulieren` | Open Formulieren, "Generic JSON" registration | token | `metadata.public_reference` |

The same id again gives the same receipt. The same id with other content is refused (409) and the first one
kept. An authentic submission that we cannot read is kept for people to look at, and answered with the reason.
Give out the id when the form is *shown*, not when it is sent: then a double click is one submission.

Known limitations:
- Drupal posts once and never retries: what it posts while the hub is away is lost for the hub, so let Drupal
  keep its submissions and post again what has no receipt. Without the element `uuid` (excluded by default in
  Drupal!), two equal submissions on one day count as one.
- What comes by `/json` without files is kept byte for byte. Everything else is kept as its answers and files in
  a fixed order, so that a retry which sends them in another order or with another multipart boundary is still
  recognised; the schemas and metadata of Open Formulieren, which hold the time of the attempt, are not kept.
- Files are judged by their first bytes; no virus scanner is called here.
- `Idempotency-Key` and `webhook-id` never expire.
"""

from adapters.website.adapter import build

__all__ = ["build"]
