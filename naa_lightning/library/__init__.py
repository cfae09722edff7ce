"""A notebook's entry: models and attacks by name, their transfer and their pictures; `naa_lightning` names them all.

From files to the rates on other models it is six lines:

    import naa_lightning as naa
    images, labels = naa.read_images(["cat.jpg", "dog.jpg", "bee.jpg", "bus.jpg"]), [281, 207, 309, 779]
    surrogate = naa.load("resnet50")
    adversarial = naa.create("naa", eps="8/255")(surrogate, images, labels)
    naa.show(images, adversarial, surrogate, labels)
    naa.transfer(images, adversarial, labels, on=["vit_base_patch16_224", "densenet121"])
"""
