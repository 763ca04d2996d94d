"""Writes the DNS records of the domain controllers into one server's database, as their own registration would.

  records.py SMB.CONF SAM.LDB PDC NAME=ADDRESS...     (short names; run under the Python that has Samba's modules)

The list of records is Samba's own, `dns_update_list`, as it stands beside the database.
"""

import re
import sys
from pathlib import Path

import ldb
from samba import WERRORError
from samba.auth import system_session
from samba.dcerpc import dnsp
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.provision.sambadns import ARecord, CNAMERecord, SRVRecord
from samba.samdb import SamDB
from samba.werror import WERR_DNS_ERROR_NAME_DOES_NOT_EXIST

SITE = "Default-First-Site-Name"


def main(configuration, database, pdc, *servers):
    parameters = LoadParm()
    parameters.load(configuration)
    sam = SamDB(url=database, session_info=system_session(parameters), lp=parameters)
    domain = sam.domain_dns_name()
    templates = (Path(database).parent / "dns_update_list").read_text().splitlines()
    names = {}
    for server in servers:
        name, address = server.split("=")
        dn = f"CN=NTDS Settings,CN={name.upper()},CN=Servers,CN={SITE},CN=Sites,{sam.get_config_basedn()}"
        meaning = {
            "HOSTNAME": f"{name}.{domain}", "IP": address, "DNSDOMAIN": domain, "DNSFOREST": sam.forest_dns_name(),
            "SITE": SITE, "DOMAINGUID": guid(sam, sam.domain_dn()),
            "NTDSGUID": guid(sam, dn),
        }
        for line in templates:
            if "${IF_PDC}" in line and name != pdc:
                continue
            words = re.sub(r"\$\{(\w+)\}|\$(IP)", lambda m: meaning.get(m[1] or m[2], ""), line).split()
            match words:
                case ["A", owner, target]:
                    record = ARecord(target)
                case ["CNAME", owner, target]:
                    record = CNAMERecord(target)
                case ["SRV", owner, target, port]:
                    record = SRVRecord(target, int(port))
                case _:  # no IPv6 here, and the zones' NS records stand
                    continue
            names.setdefault((owner, record.wType), []).append(record)
    for (owner, kind), records in names.items():
        try:
            there = sam.dns_lookup(owner)[1]
        except WERRORError as error:
            if error.args[0] != WERR_DNS_ERROR_NAME_DOES_NOT_EXIST:
                raise
            add(sam, owner, domain, records)
            continue
        # An IPv6 address is the provisioning machine's own: nobody listens there.
        others = [record for record in there if record.wType not in (kind, dnsp.DNS_TYPE_AAAA, dnsp.DNS_TYPE_TOMBSTONE)]
        if sorted(map(data, there)) != sorted(map(data, others + records)):
            sam.dns_replace(owner, others + records)


def add(sam, owner, domain, records):
    zone, partition = domain, "DomainDnsZones"
    if owner.endswith(f"_msdcs.{domain}"):
        zone, partition = f"_msdcs.{domain}", "ForestDnsZones"
    dn = f"DC={owner.removesuffix('.' + zone)},DC={zone},CN=MicrosoftDNS,DC={partition},{sam.domain_dn()}"
    sam.add({"dn": dn, "objectClass": ["top", "dnsNode"], "dnsRecord": [ndr_pack(record) for record in records]})


def guid(sam, dn):
    found = sam.search(dn, scope=ldb.SCOPE_BASE, attrs=["objectGUID"])[0]
    return sam.schema_format_value("objectGUID", found["objectGUID"][0]).decode()


def data(record):
    """What a record says, without its serial number and age."""
    return record.wType, ndr_pack(record)[24:]


main(*sys.argv[1:])
