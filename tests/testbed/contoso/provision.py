"""`samba-tool domain provision` without the access lists of the SYSVOL share.

Nobody but root may set those, and the test bed shares no files. Runs under the Python that has Samba's modules.
"""

import sys

import samba.provision
from samba.netcmd.main import cmd_sambatool

samba.provision.setsysvolacl = lambda *arguments, **named: None
sys.exit(cmd_sambatool()._run("samba-tool", "domain", "provision", *sys.argv[1:]))
