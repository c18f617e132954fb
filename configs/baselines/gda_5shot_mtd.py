_base_ = '../mvrec/zipa_5shot_mtd.py'

model = dict(head=dict(_delete_=True, type='GDAHead'))
