# What a head's name may end in, and what that changes of any config: `--heads knn-single`.
variants = {
    # The centred crop of the middle scale alone: of 27 views number 13, of nine number 4.
    'single': {'model.head.view_indices': 'middle'},
    # One head for the classes of all products.
    'known': {'model.unified': 'product_known'},
    'unknown': {'model.unified': 'product_unknown'},
    # A fifth of the iterations of Zip-Adapter-F, each five times as large: AdamW moves a parameter by
    # its learning rate, so the way is as long, and its averages reach as far back (0.9^5, 0.999^5).
    'fast': {
        'train_cfg.max_iters': 100,
        'param_scheduler.T_max': 100,
        'param_scheduler.eta_min': 5e-5,
        'optim_wrapper.optimizer.lr': 5e-4,
        'optim_wrapper.optimizer.betas': (0.59, 0.995),
    },
}
# Variants of one kind of head alone.
kinds = {'fast': 'ZipAdapterFHead'}
