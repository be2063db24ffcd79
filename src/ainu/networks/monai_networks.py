"""Networks of the literature, from MONAI, for any number of channels and two or three dimensions.

Each maker takes the number of channels and classes and the (Y, X) or (Z, Y, X) voxels of an image.
"""

from __future__ import annotations

from math import gcd

from torch import Tensor, nn

Shape = tuple[int, ...]


def densenet(channels: int, classes: int, shape: Shape, *, layers: Shape, growth: int, first: int) -> nn.Module:
    """DenseNet (Huang et al., CVPR 2017): every layer sees the maps of all layers before it in its block.

    Parameters
    ----------
    channels, classes : int
        Of the images, and of the logits.
    shape : tuple of int
        Of an image: (Y, X) or (Z, Y, X) voxels.
    layers : tuple of int
        In each block.
    growth : int
        Maps that a layer adds.
    first : int
        Maps of the first convolution.

    Returns
    -------
    nn.Module
        (N, C, *shape) images to (N, k) logits.
    """
    from monai.networks.nets import DenseNet

    return DenseNet(len(shape), channels, classes, init_features=first, growth_rate=growth, block_config=layers)


def resnet(channels: int, classes: int, shape: Shape, *, name: str) -> nn.Module:
    """ResNet (He et al., CVPR 2016).

    Parameters
    ----------
    channels, classes : int
        Of the images, and of the logits.
    shape : tuple of int
        Of an image: (Y, X) or (Z, Y, X) voxels.
    name : str
        Of the function in `monai.networks.nets`.

    Returns
    -------
    nn.Module
        (N, C, *shape) images to (N, k) logits.
    """
    from monai.networks import nets

    return getattr(nets, name)(spatial_dims=len(shape), n_input_channels=channels, num_classes=classes)


def se_resnet50(channels: int, classes: int, shape: Shape) -> nn.Module:
    """ResNet-50 with squeeze and excitation of its channels (Hu et al., CVPR 2018).

    Parameters
    ----------
    channels, classes : int
        Of the images, and of the logits.
    shape : tuple of int
        Of an image: (Y, X) or (Z, Y, X) voxels.

    Returns
    -------
    nn.Module
        (N, C, *shape) images to (N, k) logits.
    """
    from monai.networks.nets import SEResNet50

    return SEResNet50(spatial_dims=len(shape), in_channels=channels, num_classes=classes)


def efficientnet_b0(channels: int, classes: int, shape: Shape) -> nn.Module:
    """EfficientNet-B0 (Tan and Le, ICML 2019).

    Parameters
    ----------
    channels, classes : int
        Of the images, and of the logits.
    shape : tuple of int
        Of an image: (Y, X) or (Z, Y, X) voxels.

    Returns
    -------
    nn.Module
        (N, C, *shape) images to (N, k) logits.
    """
    from monai.networks.nets import EfficientNetBN

    return EfficientNetBN(
        "efficientnet-b0", pretrained=False, spatial_dims=len(shape), in_channels=channels, num_classes=classes
    )


def vit(channels: int, classes: int, shape: Shape) -> nn.Module:
    """A small vision transformer (Dosovitskiy et al., ICLR 2021): 8 layers of width 192, patches of up to 16 voxels.

    Parameters
    ----------
    channels, classes : int
        Of the images, and of the logits.
    shape : tuple of int
        Of an image: (Y, X) or (Z, Y, X) voxels.

    Returns
    -------
    nn.Module
        (N, C, *shape) images to (N, k) logits.
    """
    patch = tuple(next(size for size in (16, 8, 4, 2, 1) if gcd(size, edge) == size) for edge in shape)
    return LogitsOnly(channels, shape, patch, classes)


class LogitsOnly(nn.Module):
    """MONAI's ViT with a linear head on its class token, without the hidden states that it also returns."""

    def __init__(self, channels: int, shape: Shape, patch: Shape, classes: int) -> None:
        super().__init__()
        from monai.networks.nets import ViT

        self.body = ViT(
            channels, shape, patch, hidden_size=192, mlp_dim=768, num_layers=8, num_heads=3,
            classification=True, num_classes=classes, spatial_dims=len(shape), post_activation=None,
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, ...) images to (N, k) logits."""
        logits, _ = self.body(images)
        return logits
