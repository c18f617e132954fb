_base_ = '../_base_/schedules/full_batch.py'

# Closed form; takes the covariance prior of the backbone where the model has one.
head = dict(type='RegionGaussianHead')
