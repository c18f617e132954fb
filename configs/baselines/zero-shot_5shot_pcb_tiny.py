_base_ = '../mvrec/zipa_5shot_pcb_tiny.py'

model = dict(
    text=dict(type='CLIPText', arch='tiny'),
    head=dict(_delete_=True, type='ZeroShotHead'),
)
