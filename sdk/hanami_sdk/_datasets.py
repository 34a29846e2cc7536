"""The part of `Client` about datasets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from hanami_sdk._dataset_folders import export_dataset, import_dataset
from hanami_sdk._download import Download
from hanami_sdk._endpoint import Endpoint
from hanami_sdk._folder_models import FolderLike
from hanami_sdk._html import ShownList
from hanami_sdk._http import item, rows
from hanami_sdk._models import Dataset, DatasetLike, ResultLike, build
from hanami_sdk._results import Comparison
from hanami_sdk._session import Session
from hanami_sdk._sources import open_sources
from hanami_sdk._upload import PROGRESS_PATH, READY, Progress, Upload, given_up_on, state_of
from hanami_sdk._waiting import wait_until
from hanami_sdk.hanami_exceptions import BadRequestException, ConflictException, NotFoundException

if TYPE_CHECKING:
    from hanami_sdk._sources import Part


def download(
    endpoint: Endpoint, uuid: str, path: str | os.PathLike[str], format: str, progress: Progress | None
) -> None:
    """Write the table of a dataset to a file; raises what `DatasetMethods.download_dataset` raises."""
    Download(endpoint, "/dataset/file", {"uuid": uuid, "format": format}, skips=True).save(path, progress)


def compared(uuid: str, reference_uuid: str, equal_rows: bool, **more: str) -> dict[str, str]:
    """Return the query of a comparison; what is empty is left out."""
    strict = {"equal_rows": "true"} if equal_rows else {}
    given = {name: value for name, value in more.items() if value}
    return {"uuid": uuid, "reference_uuid": reference_uuid, **strict, **given}


class DatasetMethods(Session):
    """Upload, list, read, compare and delete datasets."""

    def upload_mnist(
        self,
        name: str,
        images: Part,
        labels: Part,
        progress: Progress | None = None,
        *,
        lease: int | None = None,
        folder: FolderLike | None = None,
    ) -> Dataset:
        """Upload images and labels in the format of MNIST.

        Args:
            name: name of the dataset, such as `my run #1`, at most 254 bytes.
            images: path of an IDX file (`.gz` is unpacked), its bytes, an open binary file, or an array of uint8 of
                shape (rows, height, width).
            labels: the same for the labels, an array has shape (rows,).
            progress: called with the number of bytes done and the total.
            lease: seconds after which the dataset goes if no task is to read it and nobody renews the lease
                (`lease_dataset`); None lets it stay.
            folder: folder of the server, its UUID or name; the files are then paths in it, which are not unpacked, and
                nothing is sent, so there is no progress.

        Returns:
            The dataset, with the columns `picture` and `label`.

        Raises:
            BadRequestException: the server refused name, sizes or content.
            UploadException: the server refused a chunk.
            ConnectionFailedException: the connection broke off. The upload is deleted, as on all errors; but once the
                server has received everything and parses it, it is deleted only if the server rejects it.
        """
        parts = {"input": images, "label": labels}
        return self._upload(name, "mnist", parts, progress, lease, idx=True, folder=folder)

    def upload_csv(
        self,
        name: str,
        path: Part,
        progress: Progress | None = None,
        *,
        lease: int | None = None,
        folder: FolderLike | None = None,
    ) -> Dataset:
        """Upload a CSV file whose first line names the columns.

        Args:
            name: name of the dataset.
            path: path, bytes, or an open binary file.
            progress: called with the number of bytes done and the total.
            lease: as for `upload_mnist`.
            folder: as for `upload_mnist`.

        Returns:
            The dataset, with one column for each of the file.

        Raises:
            HanamiException: as for `upload_mnist`.
        """
        return self._upload(name, "csv", {"input": path}, progress, lease, folder=folder)

    def upload(
        self,
        name: str,
        format: str,
        parts: Mapping[str, Part],
        progress: Progress | None = None,
        *,
        lease: int | None = None,
        folder: FolderLike | None = None,
    ) -> Dataset:
        """Upload a dataset of any format that the server has.

        Args:
            name: name of the dataset.
            format: name of the format, such as `parquet`.
            parts: path, bytes, or open binary file by the name of the part, mostly `{"input": path}`.
            progress: called with the number of bytes done and the total.
            lease: as for `upload_mnist`.
            folder: as for `upload_mnist`.

        Returns:
            The dataset.

        Raises:
            HanamiException: as for `upload_mnist`.
        """
        return self._upload(name, format, parts, progress, lease, folder=folder)

    def _upload(
        self,
        name: str,
        format: str,
        parts: Mapping[str, Part],
        progress: Progress | None,
        lease: int | None = None,
        idx: bool = False,
        folder: FolderLike | None = None,
        **more: object,
    ) -> Dataset:
        fields = {} if lease is None else {"lease": lease}
        if folder is not None:
            uuid = import_dataset(self, name, format, self._uuid("folder", folder), parts, **fields, **more)
            return self.dataset(uuid)
        with open_sources(parts, idx=idx) as sources:
            upload = Upload.announce(self, name, format, sources, fields=fields, more=more)
            with given_up_on(BaseException, lambda: self.delete_dataset(upload.uuid)):
                upload.send(sources, progress)
            # From here on the server has all of it: only files that it refuses are of no use any more.
            with given_up_on(BadRequestException, lambda: self.delete_dataset(upload.uuid)):
                upload.finish()
        return self.dataset(upload.uuid)

    def get_or_create_dataset(
        self,
        name: str,
        format: str,
        parts: Mapping[str, Part],
        progress: Progress | None = None,
        *,
        timeout: float | None = None,
        folder: FolderLike | None = None,
    ) -> Dataset:
        """Return the dataset with a name; upload it if it does not exist. An existing dataset is not changed.

        If several clients call this at the same time, one uploads it, and the others wait for it.

        Example::

            client.get_or_create_dataset("flowers", "csv", {"input": "flowers.csv"})

        Args:
            name: name.
            format: name of the format of a new one, as for `upload`.
            parts: its files, as for `upload` and `upload_mnist`.
            progress: called with the bytes done and the bytes of all, if it is uploaded.
            timeout: seconds to wait for the upload of somebody else; None waits forever.
            folder: as for `upload_mnist`.

        Raises:
            BadRequestException: the server refused name, sizes or content.
            ConflictException: several datasets that the user sees have the name; the text lists their UUIDs.
            NotFoundException: somebody announced the dataset, but never sent its files; delete it.
            WaitTimeoutException: the timeout expired; the upload of somebody else continues.
            HanamiException: as for `upload_mnist`.
        """
        refused: ConflictException | None = None
        lost = ""
        while True:
            try:
                uuid = self._named("dataset", name)
            except NotFoundException:
                if refused is not None:
                    raise refused from None
                try:
                    how: dict[str, Any] = {"idx": format == "mnist", "folder": folder, "unique": True}
                    return self._upload(name, format, parts, progress, **how)
                except ConflictException as error:  # somebody else has just announced it, or there is no room
                    refused = error
                    continue
            try:
                wait_until(partial(self._is_ready, uuid), timeout, f"the upload of dataset '{name}'")
                return self.dataset(uuid)
            except NotFoundException:  # whoever uploaded it has given up
                if uuid == lost:
                    raise
                lost, refused = uuid, None

    def _is_ready(self, uuid: str) -> bool:
        answer = self.get(PROGRESS_PATH, uuid=uuid)
        if "received" not in answer:  # a server of another make
            return item(answer, "complete") is True
        return state_of(answer) == READY

    def datasets(self, tag: str = "") -> list[Dataset]:
        """Return all datasets that the user sees, without their columns.

        Args:
            tag: return only those with this tag.
        """
        return ShownList(map(Dataset.from_json, rows(self._list("/dataset/all", tag))))

    def dataset(self, dataset: DatasetLike) -> Dataset:
        """Return a dataset with its columns and sizes.

        Args:
            dataset: UUID or name, or an entry of `datasets`.

        Raises:
            NotFoundException: there is no such dataset for this user.
        """
        return Dataset.from_json(self._get_in_detail("/dataset", uuid=self._uuid("dataset", dataset)))

    def delete_dataset(self, dataset: DatasetLike) -> None:
        """Delete a dataset.

        Raises:
            NotFoundException: there is no such dataset for this user.
        """
        self.delete("/dataset", uuid=self._uuid("dataset", dataset))

    def find_dataset(self, name: str) -> Dataset:
        """Return the dataset with a name.

        Raises:
            NotFoundException: no dataset that the user sees has it.
            ConflictException: several have it; the text lists their UUIDs.
        """
        return self.dataset(self._named("dataset", name))

    def label_dataset(
        self,
        dataset: DatasetLike,
        *,
        name: str | None = None,
        about: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Dataset:
        """Change the name, the description or all tags of a dataset; None leaves a value unchanged.

        Args:
            dataset: dataset, UUID or name.
            name: new name.
            about: description of up to 4096 bytes.
            tags: up to 32 tags of up to 64 bytes, with the same rules as names.

        Returns:
            The dataset as it is now.

        Raises:
            BadRequestException: no change was requested, or a value breaks a rule.
            NotFoundException: there is no such dataset that this user may change.
        """
        uuid = self._uuid("dataset", dataset)
        self._label("dataset", uuid, name, about, tags)
        return self.dataset(uuid)

    def set_dataset_visibility(self, dataset: DatasetLike, visibility: str) -> None:
        """Set who may read a dataset besides its owner.

        Args:
            dataset: dataset, UUID or name.
            visibility: `private` (only admins), `shared` (everyone in its project) or `public` (everyone).

        Raises:
            BadRequestException: there is no such visibility.
            NotFoundException: there is no such dataset that this user may change.
        """
        self.put("/dataset/visibility", {"uuid": self._uuid("dataset", dataset), "visibility": visibility})

    def lease_dataset(self, dataset: DatasetLike, seconds: int) -> None:
        """Let the lease of a dataset begin anew: it goes when it was not used and not renewed for so many seconds.

        Args:
            dataset: dataset, UUID or name.
            seconds: 1 to 31536000, a year.

        Raises:
            ConflictException: it has no lease, so it stays.
            NotFoundException: there is no such dataset that this user may change.
        """
        self._lease("dataset", self._uuid("dataset", dataset), seconds)

    def keep_dataset(self, dataset: DatasetLike) -> None:
        """End the lease of a dataset for good: it stays until it is deleted.

        Args:
            dataset: dataset, UUID or name.

        Raises:
            NotFoundException: there is no such dataset that this user may change.
        """
        self._lease("dataset", self._uuid("dataset", dataset), None)

    def download_dataset(
        self,
        dataset: ResultLike,
        path: str | os.PathLike[str],
        format: str = "csv",
        progress: Progress | None = None,
        *,
        folder: FolderLike | None = None,
    ) -> None:
        """Write the table of a dataset, or the result of a request, to a file.

        Args:
            dataset: dataset, request task that made it, UUID or name.
            path: path of the file; an existing file is replaced.
            format: `csv`, `npz` (an array for each column), `npy` (one array of all values), `parquet`, or another
                that the server has a plugin for.
            progress: called with the bytes done and 0: how many there will be is not known.
            folder: folder of the server, its UUID or name; the path is then one in it, and nothing is received, so
                there is no progress.

        Raises:
            BadRequestException: the server does not know the format, or could not write to the folder.
            NotFoundException: there is no such dataset or folder for this user.
            UnauthorizedException: the user may not write to the folder.
            ConflictException: a quota is exhausted, or a directory has the path in the folder.
            ConnectionFailedException: the connection was lost for too long.
            OSError: the file cannot be written.
        """
        uuid = self._uuid("dataset", dataset)
        if folder is None:
            download(self, uuid, path, format, progress)
        else:
            export_dataset(self, uuid, self._uuid("folder", folder), path, format)

    def dataset_content(self, dataset: ResultLike, column: str, rows: int = 1, offset: int = 0) -> list[list[float]]:
        """Return values of one column.

        Args:
            dataset: dataset, request task that made it, UUID or name.
            column: name of the column.
            rows: how many rows, 1 to 10000, and not more than 4 million values.
            offset: first row, counted from 0.

        Returns:
            One list for each row, as long as the column is wide.

        Raises:
            NotFoundException: there is no such dataset or column.
            BadRequestException: the dataset has not that many rows.
        """
        answer = self.get(
            "/dataset/content",
            uuid=self._uuid("dataset", dataset),
            column_name=column,
            row_offset=offset,
            number_of_rows=rows,
        )
        data: list[list[float]] = item(answer, "data")
        return data

    def check(self, result: ResultLike, reference: DatasetLike, *, equal_rows: bool = True) -> float:
        """Compare the result of a request task with the labels of an MNIST dataset.

        Args:
            result: request task, its result, the UUID, which is the same, or the name.
            reference: dataset with the correct labels.
            equal_rows: refuse datasets with different numbers of rows; False leaves out the rows that only one has.

        Returns:
            Percentage of correct answers, 0.0 to 100.0.

        Raises:
            NotFoundException: one of the two does not exist.
            BadRequestException: the two cannot be compared.
        """
        uuid = self._uuids("dataset")
        answer = self.get("/dataset/check", **compared(uuid(result), uuid(reference), equal_rows))
        return float(item(answer, "accuracy"))

    def compare(
        self,
        result: ResultLike,
        reference: DatasetLike,
        *,
        column: str = "",
        reference_column: str = "",
        equal_rows: bool = True,
    ) -> Comparison:
        """Compare the result of a request task with the correct answers in detail: by class, and as numbers.

        Example::

            found = client.compare(answers, tests)
            print(found.r2, found.confusion_matrix)

        Args:
            result: request task, its result, the UUID, which is the same, or the name.
            reference: dataset with the correct answers.
            column: column of the result. It may be left out, as may the next one, where only one pair fits: columns of
                the same width for classes, and for single values those of the same name, or the only ones.
            reference_column: column with the correct answers.
            equal_rows: refuse datasets with different numbers of rows; False leaves out the rows that only one has.

        Raises:
            NotFoundException: one of the two, or a column, does not exist.
            BadRequestException: the two cannot be compared.
        """
        named = {"column_name": column, "reference_column_name": reference_column}
        uuid = self._uuids("dataset")
        query = compared(uuid(result), uuid(reference), equal_rows, report="true", **named)
        answer = self.get("/dataset/check", **query)
        return build(Comparison, {"accuracy": answer.get("accuracy"), **item(answer, "report")})
