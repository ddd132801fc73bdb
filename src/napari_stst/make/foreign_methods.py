"""The form of a method that another installed package brings."""

from __future__ import annotations

from napari import Viewer
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_stst.make.clip_form import ELSEWHERE
from napari_stst.make.maker_widget import MakerWidget
from napari_stst.widgets.forms import fields_of
from napari_stst.widgets.wording import word_for_form
from stst.config import METHODS, MethodSpec, RunConfig
from stst.errors import InputError

#: Of the widget in the manifest.
TITLE = "Other methods"
_EDGE = 8  # pixels around words
_NONE = (
    "No installed package brings a method of its own. One registers by an entry point of the group "
    "stst.methods; see Contributing in the documentation."
)


class ForeignMethodsWidget(QWidget):
    """Make stimuli by a method of another package, chosen by name.

    Parameters
    ----------
    napari_viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.choice = QComboBox()
        self.choice.addItems(METHODS.foreign())
        self.choice.currentTextChanged.connect(self._choose)
        #: The form of the chosen method; None where there is none.
        self.maker: MakerWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.choice)
        #: Why there is no form.
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self._layout.addWidget(self.problem)
        if self.choice.count() == 0:
            self._layout.addWidget(QLabel(_NONE, wordWrap=True, margin=_EDGE))
            self._layout.addStretch()
        # a single one needs no choice
        self.choice.setVisible(self.choice.count() > 1)
        self._choose(self.choice.currentText())

    def _choose(self, name: str) -> None:
        if self.maker is not None:
            self.maker.hide()
            self.maker.deleteLater()
            self.maker = None
        self.problem.hide()
        if not name:
            return
        try:
            self.maker = build_maker_class(METHODS[name])(self._viewer)
        except InputError as error:
            self.problem.setText(word_for_form(str(error)))
            self.problem.show()
            return
        # else napari would leave the room below it empty
        self.maker.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._layout.addWidget(self.maker)


def build_maker_class(spec: MethodSpec) -> type[MakerWidget]:
    """Make the widget of a method from what the table says of it.

    Parameters
    ----------
    spec
        Of the table of methods.

    Returns
    -------
    type
        A widget whose form has the keys of the method's config.
    """
    # keys of tables, which have a dot, stand below Advanced
    keys = [field.key for field in fields_of(spec.config, ELSEWHERE)]
    own = [key for key in keys if "." not in key and key not in RunConfig.model_fields]
    shared = {
        "input.frames": "frames",
        "input.max_side": "longest side",
        "seed": "seed",
        "samples": "samples",
        "device": "device",
    }
    return type(
        f"{spec.name.title()}Widget",
        (MakerWidget,),
        {
            "__doc__": f"{spec.stimulus}.",
            "title": TITLE,
            "kind": spec.config,
            "preset": "",
            "verb": "Make",
            "suffix": spec.name,
            "basic": {key: key.replace("_", " ") for key in own} | shared,
            "without": "" if spec.needs_clip else "none",
            "clip": (f"{spec.main_role} clip", f"The {spec.main_role} clip."),
        },
    )
