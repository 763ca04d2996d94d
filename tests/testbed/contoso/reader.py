"""Answers questions about a domain controller's database until its input ends: opening it costs a hundred searches.

  reader.py SMB.CONF SAM.LDB     (run under the Python that has Samba's modules)

A question is a line, JSON: [filter, [attribute…]]; so is its answer: {attribute: [value…]}, `dn` among them if asked for.
"""

import json
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB


def main(configuration, database):
    parameters = LoadParm()
    parameters.load(configuration)
    sam = SamDB(url=database, session_info=system_session(parameters), lp=parameters)
    for line in sys.stdin:
        expression, names = json.loads(line)
        found = {name: [] for name in names}
        for message in sam.search(expression=expression, attrs=names):
            for name in names:
                values = [str(message.dn).encode()] if name == "dn" else message.get(name, [])
                # As ldbsearch prints them: a SID is a text, a binary value stays what it is.
                shown = values if name == "dn" else [sam.schema_format_value(name, value) for value in values]
                found[name] += [value.decode(errors="replace") for value in shown]
        print(json.dumps(found), flush=True)


main(*sys.argv[1:])
