_base_ = '../_base_/schedules/full_batch.py'

head = dict(type='LinearProbeHead', views='all')
