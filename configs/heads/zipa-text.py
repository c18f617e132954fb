_base_ = '../_base_/schedules/full_batch.py'

head = dict(type='TextFusionHead', head=dict(type='ZipAdapterHead'))
