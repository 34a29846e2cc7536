"""The least that Falcon and gunicorn do for a request: what each request of ours costs is measured against it."""

from __future__ import annotations

import falcon

__all__ = ["app"]


class Hello:
    """Says hello."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a JSON object."""
        resp.media = {"hello": "world"}


app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
app.add_route("/", Hello())
