"""The metadata service of Google's instances, for those who say that they mean it (`Metadata-Flavor`).

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

from tests.doubles.cloud.metadata_service import MetadataService, answer

_DOCUMENT = "/computeMetadata/v1/instance/?recursive=true"
_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"
_FLAVOR = {"Metadata-Flavor": "Google"}


class GoogleMetadata(MetadataService):
    """A launch's user data is the document that Google has of the instance."""

    def get(self, request: BaseHTTPRequestHandler) -> None:
        launch = self.find(request.client_address[0])
        found = {_DOCUMENT: launch.user_data, _TOKEN: launch.credentials.encode()} if launch else {}
        if not found.get(request.path):
            return answer(request, 404, headers=_FLAVOR)
        if request.headers.get("Metadata-Flavor") != "Google" or request.headers.get("X-Forwarded-For"):
            return answer(request, 403, headers=_FLAVOR)
        return answer(request, 200, found[request.path], {**_FLAVOR, "Content-Type": "application/json"})
