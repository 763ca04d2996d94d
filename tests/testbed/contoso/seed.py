"""The accounts and rights of a typical domain, and one account for each reason to refuse or to take care."""

import json
import secrets

from .database import BASE, REALM, attribute, database, ldb, ldif
from .tools import TESTBED, Failed, tool, with_samba, write_private

HOST = "dc1.contoso.test"

# An OU and a name with the characters that filters and distinguished names have to escape, spelled as Samba does.
OU = 'OU=Sync\\, \\"Ops\\" \\+ \\#1,' + BASE
CONNECTOR_SAM = "MSOL_1a2b3c4d5e6f"
CONNECTOR_DN = "CN=MSOL_\u00e4 (1) \\\\ x," + OU
NORMAL, DISABLED = 512, 514


def user(name):
    """The distinguished name of a user whose name is already escaped."""
    return f"CN={name},CN=Users,{BASE}"


# sAMAccountName: (distinguished name, further attributes)
ACCOUNTS = {
    CONNECTOR_SAM: (CONNECTOR_DN, {"displayName": "On-Premises Sync", "userPrincipalName": "msol@contoso.test"}),
    "rotator": (user("rotator"), {"userPrincipalName": "rotator@contoso.test"}),
    "bystander": (user("bystander"), {}),
    "fine-grained": (user("fine-grained"), {}),
    "disabled": (user("disabled"), {"userAccountControl": str(DISABLED)}),
    "must-change": (user("must-change"), {"pwdLastSet": "0"}),
    "expired": (user("expired"), {"accountExpires": "131000000000000000"}),
    "lockable": (user("lockable"), {}),
    "privileged": (user("privileged"), {}),
    # One account's logon name is another's principal name.
    "twin@elsewhere": (user("twin-1"), {}),
    "twin-2": (user("twin-2"), {"userPrincipalName": "twin@elsewhere"}),
    "protected": (user("protected"), {}),
    "enterprise-admin": (user("enterprise-admin"), {}),
    # To be locked by `samba lock`.
    "locked": (user("locked"), {}),
    # Under password settings that the rotator may read, unlike those of `fine-grained`.
    "fine-grained-open": (user("fine-grained-open"), {}),
    # Under password settings without a minimum age: may change its own password at any time.
    "self-changer": (user("self-changer"), {"userPrincipalName": "self-changer@contoso.test"}),
    # Every part of three characters or more is forbidden in its password; `of` and `_a` are too short for that.
    "display-tokens": (user("display-tokens"), {"displayName": "Anna-Maria of Berg_Team,Sync#Nord.West\tOst _a"}),
    # Names with each character that a distinguished name escapes, at its ends too.
    "hostile-spaces": (user("\\20 both ends \\20"), {}),
    "hostile-hash": (user("\\23 hash first"), {}),
    "hostile-signs": (user('a\\, b \\+ c \\" d # e \\\\ f \\< g \\> h \\; i \\= j / k * l'), {}),
    "hostile-umlaut": (user("J\u00fcrgen M\u00fc\u00dfig \u65e5\u672c"),
                       {"displayName": "J\u00fcrgen M\u00fc\u00dfig"}),
    # Logon names that a filter has to escape, or that are not ASCII.
    "sync (1) & co!": (user("hostile-logon"), {}),
    "j\u00fcrgen": (user("umlaut-logon"), {"userPrincipalName": "j\u00fcrgen@contoso.test"}),
}
GROUPS = {"Domain Admins": "privileged", "Enterprise Admins": "enterprise-admin", "Protected Users": "protected"}
# What the rotator may reset.
RESETTABLE = [CONNECTOR_SAM, "protected", "enterprise-admin", "locked", "fine-grained-open", "self-changer",
              "display-tokens", "hostile-spaces", "hostile-hash", "hostile-signs", "hostile-umlaut",
              "sync (1) & co!", "j\u00fcrgen"]
LOCKOUT_THRESHOLD, LENGTH_MIN, PSO_LENGTH_MIN, OPEN_LENGTH_MIN = 5, 8, 20, 24
# Password settings objects: (account, options, may the rotator read it)
SETTINGS = {
    "long-passwords": ("fine-grained", [f"--min-pwd-length={PSO_LENGTH_MIN}", "--complexity=off",
                                        "--account-lockout-threshold=3"], False),
    "open-passwords": ("fine-grained-open", [f"--min-pwd-length={OPEN_LENGTH_MIN}", "--complexity=on",
                                             "--account-lockout-threshold=3"], True),
    "self-change": ("self-changer", [f"--min-pwd-length={LENGTH_MIN}", "--complexity=on", "--min-pwd-age=0",
                                     "--history-length=24"], True),
}

# The rights that the product ships, by the names of their files.
SHIPPED = RESET_PASSWORD, SYNCHRONIZE, READ_SETTINGS = "reset-password", "replication-synchronize", "read-pso"
GET_CHANGES = "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;{sid})"
GET_CHANGES_ALL = "(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;{sid})"


def settings_object(name):
    return f"CN={name},CN=Password Settings Container,CN=System,{BASE}"


def shipped(name):
    """A right as the product delivers it: one access control entry, `{sid}` stands for who gets it."""
    file = TESTBED.parents[1] / "deploy" / "active-directory" / f"{name}.sddl"
    if not file.is_file():
        raise Failed(f"the rights are granted as the product ships them, and {file} is not there")
    return file.read_text(encoding="utf-8").strip()


def apply(folder, command, records, verb):
    done = ldb(command, folder, stdin=records)
    if f"{verb} {records.count('dn:: ')} records" not in done.stdout:  # it goes on after a fault
        raise Failed(f"{command} did not take every record:\n{done.stdout}{done.stderr}")


def seed(folder):
    def password(sam):
        value = "Aa1-" + secrets.token_urlsafe(24)
        write_private(folder / "secrets" / sam, value)
        return f'"{value}"'.encode("utf-16-le")

    # One value for each attribute here, but an account expires or must change only after it exists.
    later = {"pwdLastSet", "accountExpires"}
    text = ldif(OU, {"objectClass": "organizationalUnit"})
    # Passwords travel on standard input, never in an argument vector.
    changes = ldif(user("Administrator"),
                   {"changetype": "modify", "replace": "unicodePwd", "unicodePwd": password("administrator")})
    for sam, (dn, extra) in ACCOUNTS.items():
        text += ldif(dn, {"objectClass": "user", "sAMAccountName": sam, "unicodePwd": password(sam),
                          "userAccountControl": str(NORMAL), **{k: v for k, v in extra.items() if k not in later}})
        for name in later & extra.keys():
            changes += ldif(dn, {"changetype": "modify", "replace": name, name: extra[name]})
    for group, sam in GROUPS.items():
        changes += ldif(user(group), {"changetype": "modify", "add": "member", "member": ACCOUNTS[sam][0]})
    apply(folder, "ldbadd", text, "Added")
    apply(folder, "ldbmodify", changes, "Modified")
    policies(folder)
    rights(folder)
    (folder / "seed.json").write_text(json.dumps({
        "realm": REALM, "base": BASE, "host": HOST, "connector": CONNECTOR_SAM,
        "accounts": {sam: attribute(folder, sam, "dn") for sam in ACCOUNTS},
        "resettable": RESETTABLE, "groups": GROUPS,
        "password_settings": {name: {"dn": settings_object(name), "account": sam, "readable": readable}
                              for name, (sam, _, readable) in SETTINGS.items()},
        "length_min": LENGTH_MIN, "lockout_threshold": LOCKOUT_THRESHOLD, "pso_length_min": PSO_LENGTH_MIN,
        "open_length_min": OPEN_LENGTH_MIN,
    }, ensure_ascii=False, indent=1), encoding="utf-8")


def policies(folder):
    where = database(folder)
    tool("samba-tool", "domain", "passwordsettings", "set", *where, f"--min-pwd-length={LENGTH_MIN}",
         f"--account-lockout-threshold={LOCKOUT_THRESHOLD}", "--min-pwd-age=1", "--history-length=24")
    for precedence, (name, (sam, options, _)) in enumerate(SETTINGS.items(), 10):
        tool("samba-tool", "domain", "passwordsettings", "pso", "create", name, str(precedence), *where, *options)
        tool("samba-tool", "domain", "passwordsettings", "pso", "apply", name, sam, *where)


def rights(folder):
    lines = []

    def allow(dn, sam, entry):
        lines.append(f"{entry.replace('{sid}', attribute(folder, sam, 'objectSid'))} {dn}\n")
    for sam in RESETTABLE:
        allow(ACCOUNTS[sam][0], "rotator", shipped(RESET_PASSWORD))
    allow(BASE, "rotator", shipped(SYNCHRONIZE))
    for name, (_, _, readable) in SETTINGS.items():
        if readable:
            allow(settings_object(name), "rotator", shipped(READ_SETTINGS))
    allow(BASE, CONNECTOR_SAM, GET_CHANGES)
    allow(BASE, CONNECTOR_SAM, GET_CHANGES_ALL)
    with_samba("grant.py", f"{folder}/smb.conf", f"{folder}/state/private/sam.ldb", stdin="".join(lines))
