"""What a checkpoint must tell besides its tensors."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmvrec.registry import HOOKS

_VERSION = 2


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
            'task_classes': model.task_classes,
            'supports': model.supports,
            'channels': model.channels,
            'unified': model.unified is not None,
            'weights_source': model.weights_source,
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Create the heads that the checkpoint holds.

        Raises:
            ValueError: the checkpoint is not one of this package's, or of another version of it.
        """
        info = checkpoint.get('meta', {}).get('mmvrec')
        if info is None or info['version'] != _VERSION:
            found = 'none' if info is None else info['version']
            raise ValueError(
                f'the checkpoint does not describe fitted heads (format version {_VERSION} is '
                f'needed, found: {found}). Give a checkpoint that tools/train.py of this package '
                'wrote; backbone weights belong to model.backbone.checkpoint'
            )
        model = runner.model
        if info['unified'] != (model.unified is not None):
            saved = 'one head for all tasks' if info['unified'] else 'one head per task'
            raise ValueError(
                f'the checkpoint holds {saved}, this config does not; set model.unified as in '
                'training'
            )
        model.allocate_heads(info['task_classes'], info['supports'], info['channels'])
        if model.backbone is not None:
            model.backbone.weights_source = info['weights_source']
