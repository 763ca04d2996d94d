"""Permissions of directory objects, changed as an administrator of the domain controller would: under Samba's Python.

  permissions.py SMB.CONF SAM.LDB get NAME             print its security descriptor as SDDL
  permissions.py SMB.CONF SAM.LDB remove NAME ENTRY    take one access control entry away, nothing else
  permissions.py SMB.CONF SAM.LDB harden NAME          what Microsoft's Set-ADSyncRestrictedPermissions leaves: nothing is
                                                       inherited, SELF keeps its entries, administrators may do all,
                                                       everybody else reads
"""

import sys

from samba.auth import system_session
from samba.dcerpc import security
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

SELF = "S-1-5-10"
HARDENED = "D:PAI(A;;GA;;;SY)(A;;GA;;;EA)(A;;GA;;;DA)(A;;GA;;;BA)(A;;GR;;;ED)(A;;GR;;;AU)"
LIST_ONLY = [f"sd_flags:1:{security.SECINFO_DACL}"]

parameters = LoadParm()
parameters.load(sys.argv[1])
sam = SamDB(url=sys.argv[2], session_info=system_session(parameters), lp=parameters)
tools = SDUtils(sam)
verb, name, *rest = sys.argv[3:]
if verb == "get":
    print(tools.get_sd_as_sddl(name))
elif verb == "remove":
    # As text: each entry stands there once, in the spelling that Samba gives it.
    entry = security.descriptor.from_sddl(f"D:{rest[0]}", tools.domain_sid).as_sddl(tools.domain_sid).removeprefix("D:")
    before = tools.get_sd_as_sddl(name, controls=LIST_ONLY)
    if before.count(entry) != 1:
        sys.exit(f"{name} has {before.count(entry)} entries {entry}")
    tools.modify_sd_on_dn(name, before.replace(entry, ""), controls=LIST_ONLY)
elif verb == "harden":
    found = tools.read_sd_on_dn(name, controls=LIST_ONLY)
    own = [ace for ace in found.dacl.aces
           if str(ace.trustee) == SELF and not ace.flags & security.SEC_ACE_FLAG_INHERITED_ACE]
    hardened = security.descriptor.from_sddl(HARDENED, tools.domain_sid)
    for ace in own:
        hardened.dacl_add(ace)
    tools.modify_sd_on_dn(name, hardened, controls=LIST_ONLY)
else:
    sys.exit(f"{verb} is no verb of this script")
