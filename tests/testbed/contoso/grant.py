"""Adds access control entries to objects: standard input has lines of an entry in SDDL, a space and the object's name.

  grant.py SMB.CONF SAM.LDB     (run under the Python that has Samba's modules)
"""

import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

parameters = LoadParm()
parameters.load(sys.argv[1])
sam = SamDB(url=sys.argv[2], session_info=system_session(parameters), lp=parameters)
for line in sys.stdin.buffer.read().decode().splitlines():
    entry, dn = line.split(" ", 1)
    SDUtils(sam).dacl_add_ace(dn, entry)
