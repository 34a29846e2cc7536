"""The least that Falcon and gunicorn do for a request: what each request of ours costs is measured against it."""

from __future__ import annotations

import falcon

__all__ = ["app"]


class Hello:
    """Says hello."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a JSON object."""
        resp.media = {"hello": "world"}


class Echo:
    """Reads rows of numbers as JSON and answers the first ten of each, as a network with ten outputs would."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a JSON object."""
        resp.media = {"outputs": [row[:10] for row in req.get_media()["inputs"]]}


app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
app.add_route("/", Hello())
app.add_route("/rows", Echo())
