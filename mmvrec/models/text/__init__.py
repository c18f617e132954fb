from mmvrec.models.text.stored import StoredText
from mmvrec.models.text.tower import CLIPText

__all__ = ['CLIPText', 'StoredText']
