"""What a checkpoint must tell besides its tensors."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmvrec.registry import HOOKS
from mmvrec.structures import LabelSpace, Provenance

_VERSION = 3
#: Version 2 named the weights in one string.
_READABLE = (2, 3)


@HOOKS.register_module()
class FittedHeadsHook(Hook):
    """Note tasks, class names and head shapes in checkpoints, and rebuild the heads from them.

    Heads are created when they are fitted, so a model that loads a checkpoint must first learn
    which heads it holds. A frozen backbone is saved as it is, not as a hook that averages weights
    has rounded it.
    """

    #: After hooks that put averaged weights into the checkpoint.
    priority = 'VERY_LOW'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the description of the heads to ``checkpoint['meta']['mmvrec']``."""
        model = runner.model
        if model.backbone is not None and model.backbone.frozen:
            for name, value in model.backbone.state_dict().items():
                checkpoint['state_dict'][f'backbone.{name}'] = value.cpu()
        checkpoint['meta']['mmvrec'] = {
            'version': _VERSION,
            'task_classes': model.label_space.classes,
            'supports': model.supports,
            'channels': model.channels,
            'unified': model.unified is not None,
            'provenance': {n: p.to_dict() for n, p in model.provenance.items()},
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Create the heads that the checkpoint holds.

        Raises:
            ValueError: the checkpoint is not one of this package's, or of another version of it.
        """
        info = checkpoint.get('meta', {}).get('mmvrec')
        if info is None or info['version'] not in _READABLE:
            version = 'none' if info is None else info['version']
            raise ValueError(
                f'the checkpoint does not describe fitted heads (format version {_VERSION} is '
                f'needed, found: {version}). Give a checkpoint that tools/train.py of this package '
                'wrote; backbone weights belong to model.backbone.checkpoint'
            )
        model = runner.model
        if info['unified'] != (model.unified is not None):
            saved = 'one head for all tasks' if info['unified'] else 'one head per task'
            raise ValueError(
                f'the checkpoint holds {saved}, this config does not; set model.unified as in '
                'training'
            )
        label_space = LabelSpace(info['task_classes'])
        model.allocate_heads(label_space, info['supports'], info['channels'])
        if model.backbone is None:
            return
        if info['version'] == 2:
            source = info['weights_source']
            provenance = Provenance(source, is_random=source.startswith('random'))
        else:
            provenance = Provenance(**info['provenance']['backbone'])
        model.backbone.take_weights_from(provenance)
