"""A rendered stand-in for Something-Something v2, and what made data/ from it.

The programs (synthetic_ssv2, pretrain_images, make_gifs, draw_curves) run from
any folder as `python demo/NAME.py`: each puts the checkout on the path of
modules first. The other modules draw the clips, from the bottom up: textures,
objects, sprites, scenes, templates, webm, dataset. They may use two_stream,
which uses none of them.
"""
