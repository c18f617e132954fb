# What a head's name may end in, and what that changes of any config: `--heads knn-single`.
variants = {
    # The centred crop of the middle scale alone: of 27 views number 13, of nine number 4.
    'single': {'model.head.view_indices': 'middle'},
    # One head for the classes of all products.
    'known': {'model.unified': 'product_known'},
    'unknown': {'model.unified': 'product_unknown'},
}
