"""python -m codegen_hpo.cli"""

from codegen_hpo.cli.main import main

main()
