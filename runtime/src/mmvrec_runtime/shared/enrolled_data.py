"""What a model was shown, in numbers, and what is unlike it.

mmvrec-runtime has a copy of this file, to the byte.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

# Relative, as the copy has its own beside it.
from .instance_facts import InstanceFacts

#: How many times larger or smaller than all enrolled ones an instance is something else, in area.
_SIZE_RATIO = 10.0
#: Grey levels by which an instance may be darker or brighter than all enrolled ones.
_BRIGHTNESS_MARGIN = 25.0
#: What a warning means, by the name that results have.
WARNINGS = {
    'whole image': 'are whole images, where regions of images were enrolled',
    'region': 'are regions of images, where whole images were enrolled',
    'image size': 'are in images of another size than those enrolled',
    'colour mode': 'are grey where colour images were enrolled, or the other way round',
    'instance size': 'are ten times larger or smaller than all that were enrolled',
    'brightness': 'are darker or brighter than all that were enrolled',
}


@dataclass(frozen=True)
class EnrolledData:
    """Summary of the enrolled instances of which facts are known.

    Args:
        instances (int): their number.
        images (int): number of their images.
        whole_images (int): instances that are whole images.
        colour (int): instances in colour; the others are grey.
        image_sizes (tuple[tuple[int, int], ...]): width and height of images, pixels, the
            commonest first.
        brightness (tuple[float, float]): least and greatest, in [0, 255].
        areas (tuple[float, float]): least and greatest of boxes, square pixels.
    """

    instances: int
    images: int
    whole_images: int
    colour: int
    image_sizes: tuple[tuple[int, int], ...]
    brightness: tuple[float, float]
    areas: tuple[float, float]

    @classmethod
    def of(cls, facts: Sequence[InstanceFacts | None]) -> 'EnrolledData | None':
        """Summarise the facts of instances; None where none are known."""
        known = [one for one in facts if one is not None]
        if not known:
            return None
        sizes = {one.image: (one.width, one.height) for one in known}
        light = [one.brightness for one in known]
        areas = [one.area for one in known]
        return cls(
            instances=len(known),
            images=len(sizes),
            whole_images=sum(one.is_whole for one in known),
            colour=sum(one.is_colour for one in known),
            image_sizes=tuple(size for size, _ in Counter(sizes.values()).most_common()),
            brightness=(min(light), max(light)),
            areas=(min(areas), max(areas)),
        )

    @property
    def kind(self) -> str:
        """What was enrolled: ``regions``, ``whole images``, or both."""
        if self.whole_images == 0:
            return 'regions'
        return 'whole images' if self.whole_images == self.instances else 'regions and whole images'

    def warnings(self, one: InstanceFacts) -> list[str]:
        """Names in :data:`WARNINGS` of the ways in which an instance is unlike all that are."""
        areas, light = self.areas, self.brightness
        is_unlike = {
            'whole image': one.is_whole and self.kind == 'regions',
            'region': not one.is_whole and self.kind == 'whole images',
            'image size': (one.width, one.height) not in self.image_sizes and self._sizes_are_fixed,
            'colour mode': self.colour in ((0,) if one.is_colour else (self.instances,)),
            'instance size': not areas[0] / _SIZE_RATIO <= one.area <= areas[1] * _SIZE_RATIO,
            'brightness': not light[0] - _BRIGHTNESS_MARGIN
            <= one.brightness
            <= light[1] + _BRIGHTNESS_MARGIN,
        }
        # Of a whole image the size says the same once more.
        if is_unlike['whole image'] or is_unlike['region']:
            is_unlike['instance size'] = False
        return [name for name, unlike in is_unlike.items() if unlike]

    @property
    def size_text(self) -> str:
        """Sizes of the instances, for people."""
        low, high = (f'{side**0.5:.0f}' for side in self.areas)
        return f'{low} to {high} pixels wide and high in the geometric mean'

    @property
    def _sizes_are_fixed(self) -> bool:
        """Whether images come in few sizes, as of a camera, so that another one means something."""
        return len(self.image_sizes) <= max(1, self.images // 4)

    def to_dict(self) -> dict:
        """The fields, for JSON, and :attr:`kind`."""
        return {**asdict(self), 'kind': self.kind}

    def lines(self) -> list[str]:
        """Describe the data for people."""
        sizes = ', '.join(f'{width} x {height}' for width, height in self.image_sizes[:5])
        more = len(self.image_sizes) - 5
        colour = {0: 'grey', self.instances: 'colour'}.get(self.colour, 'grey and colour')
        return [
            f'data: {self.instances} instances in {self.images} images, {self.kind}, {colour}',
            f'image sizes, pixels: {sizes}' + (f' and {more} more' if more > 0 else ''),
            f'instances: {self.size_text}',
            f'brightness, 0 to 255: {self.brightness[0]:.0f} to {self.brightness[1]:.0f}',
        ]
