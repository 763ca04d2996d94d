use serde_json::{Value, json};

use super::super::Script;
use super::super::cmdlets::Call;
use crate::port::{FailureClass, Fault, Meaning, Secret};

fn call(script: Script) -> Call<'static> {
    Call { doing: "trying", script, secret: None }
}

fn fault(script: Script, acting: bool, (class, message, hresult): (&str, &str, i64)) -> Fault {
    let reply = json!({ "fault": {
        "acting": acting,
        "id": "InvalidOperation,Microsoft.IdentityManagement.PowerShell.Cmdlet.AddADSyncConnectorCmdlet",
        "category": "NotSpecified",
        // An array of one, as Windows PowerShell may write it.
        "causes": { "type": class, "message": message, "hresult": hresult },
    }});
    call(script).read::<Value>(reply).unwrap_err()
}

const STRANGE: (&str, &str, i64) = ("System.Exception", "something else", -2_146_233_088);

#[test]
fn only_what_acts_can_be_unclear() {
    assert_eq!(fault(Script::SetConnectorPassword, true, STRANGE).meaning, Meaning::Unclear);
    assert_eq!(fault(Script::SetConnectorPassword, false, STRANGE).meaning, Meaning::Later);
    assert_eq!(fault(Script::Describe, false, STRANGE).meaning, Meaning::Later);
    let strange = json!({ "what": 1 });
    assert_eq!(call(Script::Prove).read::<Value>(strange.clone()).unwrap_err().meaning, Meaning::Unclear);
    assert_eq!(call(Script::Runs).read::<Value>(strange).unwrap_err().meaning, Meaning::Later);
}

#[test]
fn some_errors_come_before_the_engine() {
    let busy = ("System.InvalidOperationException", "no-start-ma-already-running", 0);
    let seen = fault(Script::Prove, true, busy);
    assert_eq!((seen.meaning, seen.class), (Meaning::Later, Some(FailureClass::Busy)));

    let denied = ("System.ServiceModel.Security.SecurityAccessDeniedException", "Access is denied.", 0);
    assert_eq!(fault(Script::SetConnectorPassword, true, denied).meaning, Meaning::Refused);
    let by_number = ("System.Exception", "Zugriff verweigert", -2_147_024_891);
    assert_eq!(fault(Script::SetConnectorPassword, true, by_number).meaning, Meaning::Refused);

    let nobody = ("System.ServiceModel.EndpointNotFoundException", "There was no endpoint listening", 0);
    assert_eq!(fault(Script::SetConnectorPassword, true, nobody).meaning, Meaning::Later);

    let missing = ("System.Management.Automation.CommandNotFoundException", "The term is not recognized", 0);
    assert_eq!(fault(Script::Prove, true, missing).meaning, Meaning::Broken);

    // What the module itself examines has not reached the engine: a wrong password stays wrong, a network comes back.
    let validated = |message| {
        let class =
            "Microsoft.IdentityManagement.PowerShell.ObjectModel.SynchronizationConfigurationValidationException";
        fault(Script::SetConnectorPassword, true, (class, message, -2_146_233_088)).meaning
    };
    assert_eq!(validated("Failed to retrieve schema.<connection-result>failed-authentication"), Meaning::Refused);
    assert_eq!(validated("Failed to retrieve schema.<connection-result>failed-connection"), Meaning::Later);

    // Nobody listens to the switch; its task is not asked about there.
    assert_eq!(fault(Script::Release, true, nobody).meaning, Meaning::Later);
    // The switch may be given back, and only the task not taken away.
    assert_eq!(fault(Script::Release, true, by_number).meaning, Meaning::Unclear);
    assert_eq!(fault(Script::Release, false, by_number).meaning, Meaning::Refused);
}

#[test]
fn a_second_factor_is_told_from_a_reset_that_broke() {
    let mfa = ("System.Exception", "AADSTS50076: Due to a configuration change you must use multi-factor", 0);
    let seen = fault(Script::ResetEntraAccount, true, mfa);
    assert_eq!((seen.meaning, seen.class), (Meaning::Refused, Some(FailureClass::CloudCredential)));
    assert_eq!(fault(Script::ResetEntraAccount, true, STRANGE).meaning, Meaning::Unclear);
}

#[test]
fn a_message_that_shows_the_secret_does_not_get_out() {
    let secret = Secret::new("hunter2-hunter2");
    let call = Call { doing: "trying", script: Script::SetConnectorPassword, secret: Some(&secret) };
    let reply = json!({ "fault": {
        "acting": false,
        "id": "hunter2-hunter2",
        "category": "InvalidArgument",
        "causes": [{ "type": "T", "message": "Cannot convert value \"hunter2-hunter2\" to type", "hresult": 0 }],
    }});
    let fault = call.read::<Value>(reply).unwrap_err();
    assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
}

#[test]
fn the_scripts_own_words_are_refusals() {
    for id in ["no-such-connector", "entra-connector", "no-password-parameter", "application"] {
        let reply = json!({ "refusal": { "id": id, "detail": "contoso.com, fabrikam.com" } });
        assert_eq!(call(Script::Prove).read::<Value>(reply).unwrap_err().meaning, Meaning::Refused, "{id}");
    }
}

#[test]
fn a_search_is_decided_by_the_logon_alone() {
    let searched = |reply| call(Script::StoredLogon).read_stored_logon(reply);
    let failed = |message: &str, hresult: i64| {
        searched(json!({ "fault": {
            "acting": false, "id": "x", "category": "NotSpecified",
            "causes": [
                { "type": "System.Exception", "message": "outer", "hresult": 0 },
                { "type": "System.DirectoryServices.Protocols.LdapException", "message": message, "hresult": hresult },
            ],
        }}))
    };
    assert_eq!(searched(json!({ "done": { "value": { "searched": true } } })), Ok(Some(true)));
    assert_eq!(searched(json!({ "done": { "value": { "searched": false } } })), Ok(None));
    assert_eq!(failed("The supplied credential is invalid.", 0), Ok(Some(false)));
    assert_eq!(failed("Der Benutzername oder das Kennwort ist falsch.", -2_147_023_570), Ok(Some(false)));
    let unreachable = failed("The LDAP server is unavailable.", 0).unwrap_err();
    assert_eq!((unreachable.meaning, unreachable.class), (Meaning::Later, Some(FailureClass::Connection)));
    // Nothing is inferred from what nobody knows.
    assert_eq!(failed("a filter that it does not like", 0).unwrap_err().meaning, Meaning::Later);
}
