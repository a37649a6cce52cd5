"""Lists of videos: labelled paths, csv rows, manifests."""

__all__: list[str] = []
