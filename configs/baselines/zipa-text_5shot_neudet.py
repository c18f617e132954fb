_base_ = '../mvrec/zipa_5shot_neudet.py'

model = dict(
    text=dict(type='CLIPText', checkpoint='ViT-L-14.pt'),
    head=dict(_delete_=True, type='TextFusionHead', head=dict(type='ZipAdapterHead')),
)
