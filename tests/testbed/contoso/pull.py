"""Makes a domain controller pull every partition from another one, by its own replication service.

  pull.py SMB.CONF SAM.LDB HOST SOURCE_SETTINGS_DN BASE     (run under the Python that has Samba's modules)
"""

import sys

import ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import drsuapi
from samba.drs_utils import drsException, drsuapi_connect, sendDsReplicaSync
from samba.param import LoadParm
from samba.samdb import SamDB

LIMIT_S = 30


def main(configuration, database, host, source, base):
    parameters = LoadParm()
    parameters.load(configuration)
    machine = Credentials()
    machine.guess(parameters)
    machine.set_machine_account(parameters)
    sam = SamDB(url=database, session_info=system_session(parameters), lp=parameters)
    found = sam.search(source, scope=ldb.SCOPE_BASE, attrs=["objectGUID"])[0]
    guid = sam.schema_format_value("objectGUID", found["objectGUID"][0]).decode()
    forest = [f"CN=Schema,CN=Configuration,{base}", f"CN=Configuration,{base}", base, f"DC=DomainDnsZones,{base}",
              f"DC=ForestDnsZones,{base}"]
    try:
        connection, handle, _ = drsuapi_connect(host, parameters, machine)
        connection.request_timeout = LIMIT_S
        for partition in forest:
            sendDsReplicaSync(connection, handle, guid, partition, drsuapi.DRSUAPI_DRS_WRIT_REP)
    except drsException as error:
        sys.exit(f"{host} does not replicate: {error}")


main(*sys.argv[1:])
