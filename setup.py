"""Let the wheel carry the workflow, which lies beside the package here, for `edgeprune new`."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))
from edgeprune.commands.new import copy_workflow


class WithWorkflow(build_py):
    def run(self):
        super().run()
        packed = Path(self.build_lib, "edgeprune", "workflow")
        shutil.rmtree(packed, ignore_errors=True)  # an earlier build's
        if not self.editable_mode:
            copy_workflow(Path(__file__).parent, packed)

    def get_package_dir(self, package):
        return os.path.normpath(super().get_package_dir(package))  # files are not found below `./package`


setup(cmdclass={"build_py": WithWorkflow})
