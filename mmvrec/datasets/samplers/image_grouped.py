"""A sampler that brings the instances of one image together."""

from collections.abc import Iterator, Sized

from torch.utils.data import Sampler

from mmvrec.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ImageGroupedSampler(Sampler):
    """Every index once, the instances of one image next to each other.

    With :class:`mmvrec.datasets.transforms.LoadDefectImage`, an image is then decoded once (with
    worker processes: once in each process that gets some of its instances). Images come in the
    order of their first instance, the instances of an image in dataset order. The order depends
    on the dataset only and is not divided among ranks: it is for extraction, not for training.

    Args:
        dataset (Sized): its items are grouped by ``get_data_info(i)['img_id']``; without that, or
            for an item without ``img_id``, the order of the dataset is kept.
        seed (int, optional): not used; MMEngine gives every sampler one. Defaults to None.
    """

    def __init__(self, dataset: Sized, seed: int | None = None):
        groups: dict[object, list[int]] = {}
        for index in range(len(dataset)):
            record = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
            image = record.get('img_id')
            # An item of no image is a group of its own.
            groups.setdefault(('item', index) if image is None else image, []).append(index)
        self._order = [index for group in groups.values() for index in group]

    def __iter__(self) -> Iterator[int]:
        """Indices into the dataset."""
        return iter(self._order)

    def __len__(self) -> int:
        """Number of indices, that of the dataset."""
        return len(self._order)
