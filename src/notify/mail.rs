use std::path::Path;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport, Tokio1Executor};
use providers::port::{Fault, Secret};
use sha2::{Digest, Sha256};

use super::channel::{Channel, Undelivered};
use super::escape::{shortened, visible};
use super::{Notice, Severity};
use crate::config::{MailConfig, MailTls, mailbox};

/// For each command and its reply; below a channel's deadline, so that the cause is told.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
const SUBJECT_MAX: usize = 150;
const TEXT_MAX: usize = 20_000;
const REPLY_MAX: usize = 200;

/// Mail over TLS.
pub(super) struct Mail {
    /// Keeps a copy of the password that is not wiped when dropped: it lives as long as the program does.
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    password: Option<Secret>,
    from: Mailbox,
    to: Vec<Mailbox>,
    severity: Severity,
}

impl Mail {
    pub(super) fn new(config: &MailConfig) -> Result<Self, Fault> {
        let doing = "preparing mail";
        let address = |text: &str| {
            mailbox(text).ok_or_else(|| {
                Fault::broken(doing, format!("{} is no mail address", visible(text))).hint("use name@host")
            })
        };
        let from = address(&config.from)?;
        let to = config.to.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(Fault::broken(doing, "nobody gets it").hint("name somebody in `to`"));
        }
        let tls = tls(&config.host, config.ca_file.as_deref())?;
        let (port, tls) = match config.tls {
            MailTls::Implicit => (config.port.unwrap_or(465), Tls::Wrapper(tls)),
            MailTls::Starttls => (config.port.unwrap_or(587), Tls::Required(tls)),
        };
        // Called dangerous because it begins without TLS, which the next line ends.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .tls(tls)
            .port(port)
            .timeout(Some(COMMAND_LIMIT));
        let password = match (&config.user, &config.password) {
            (Some(user), Some(password)) => {
                let password = password.read("the password for mail")?;
                builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
                Some(password)
            }
            (None, None) => None,
            _ => {
                return Err(Fault::broken(doing, "`user` and `password` belong together").hint("give both, or neither"));
            }
        };
        let server = format!("{}:{port}", config.host);
        Ok(Self { transport: builder.build(), server, password, from, to, severity: config.severity })
    }

    fn message(&self, notice: &Notice, to: &[Mailbox]) -> Result<Message, Undelivered> {
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(subject(notice))
            .date(SystemTime::from(notice.at))
            .message_id(Some(message_id(notice, self.from.email.domain())))
            // So that no absence note comes back (RFC 3834).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN);
        if notice.severity == Severity::Alarm {
            builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Importance"), "high".into()));
        }
        for mailbox in to {
            builder = builder.to(mailbox.clone());
        }
        builder.body(body(notice)).map_err(|cause| Undelivered::for_good(format!("no mail can be made of it: {cause}")))
    }

    async fn send_to(&self, notice: &Notice, to: &[Mailbox]) -> Result<(), Refusal> {
        let message = self.message(notice, to).map_err(|undelivered| Refusal { undelivered, of_recipient: false })?;
        self.transport.send(message).await.map(drop).map_err(|error| self.refusal(&error))
    }

    fn refusal(&self, error: &Error) -> Refusal {
        let code = error.status().map(u16::from);
        // A reply to the logon could repeat what it was sent.
        let of_logon = code.is_some_and(|code| matches!(code, 432 | 454 | 500..=504 | 530..=539));
        let text = match code {
            Some(code) if of_logon && self.password.is_some() => format!("{} answered {code}", self.server),
            _ => format!("{}: {}", self.server, shortened(&visible(&error.to_string()), REPLY_MAX)),
        };
        let shows_password = self.password.as_ref().is_some_and(|password| text.contains(password.expose()));
        let cause = if shows_password { format!("{} refused it", self.server) } else { text };
        let of_recipient = matches!(code, Some(550 | 551 | 552 | 553 | 554 | 556));
        Refusal { undelivered: Undelivered { cause, again: !error.is_permanent() }, of_recipient }
    }
}

struct Refusal {
    undelivered: Undelivered,
    /// It may be about one recipient of several.
    of_recipient: bool,
}

#[async_trait]
impl Channel for Mail {
    fn name(&self) -> &str {
        "mail"
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.severity >= self.severity
    }

    async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let refusal = match self.send_to(notice, &self.to).await {
            Ok(()) => return Ok(()),
            Err(refusal) => refusal,
        };
        if !refusal.of_recipient || self.to.len() == 1 {
            return Err(refusal.undelivered);
        }
        // One address that is gone must not keep an alarm from the others: now each on his own.
        let mut refused = Vec::new();
        for mailbox in &self.to {
            if let Err(refusal) = self.send_to(notice, std::slice::from_ref(mailbox)).await {
                refused.push(format!("{}: {}", mailbox.email, refusal.undelivered.cause));
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        // Whoever got it must not get it again.
        Err(Undelivered::for_good(format!(
            "{} of {} recipients did not get it: {}",
            refused.len(),
            self.to.len(),
            refused.join("; ")
        )))
    }
}

fn tls(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, Fault> {
    let doing = "setting up TLS for mail";
    let broken = |cause: Error| Fault::broken(doing, cause.to_string());
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = ca_file {
        // Says what is wrong with the file, where something is.
        super::https::checked_ca_file(file)?;
        let pem = std::fs::read(file).map_err(|cause| Fault::broken(doing, format!("{}: {cause}", file.display())))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(&pem).map_err(broken)?);
    }
    builder.build().map_err(broken)
}

/// One line, whatever the names in it: no header can be added.
fn subject(notice: &Notice) -> String {
    shortened(&visible(&format!("[entra-rotator] {}", notice.headline())), SUBJECT_MAX)
}

/// The same for each try, so that a mail system can tell a second delivery.
fn message_id(notice: &Notice, domain: &str) -> String {
    let parts = [&notice.key, &format!("{:?}", notice.standing), &notice.at.to_string(), &notice.host];
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    format!("<{}@{domain}>", hex::encode(&digest.finalize()[..16]))
}

fn body(notice: &Notice) -> String {
    let line = |text: &str| shortened(visible(text).trim(), TEXT_MAX);
    let mut body = format!("{}\n\n{}\n", line(&notice.headline()), line(&notice.text));
    if !notice.next_steps.is_empty() {
        body.push_str("\nNext steps:\n");
        for (number, step) in notice.next_steps.iter().enumerate() {
            body.push_str(&format!("  {}. {}\n", number + 1, line(step)));
        }
    }
    body.push('\n');
    for (label, value) in notice.facts() {
        body.push_str(&format!("{label}: {}\n", line(&value)));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::super::notice::tests::{hostile, notice};
    use super::*;

    fn config() -> MailConfig {
        MailConfig {
            host: "mail.contoso.test".into(),
            port: None,
            tls: MailTls::Starttls,
            user: None,
            password: None,
            from: "Rotator <rotator@contoso.test>".into(),
            to: vec!["a@contoso.test".into(), "B <b@contoso.test>".into()],
            severity: Severity::Warning,
            ca_file: None,
        }
    }

    fn formatted(notice: &Notice) -> String {
        let mail = Mail::new(&config()).expect("it is right");
        String::from_utf8(mail.message(notice, &mail.to).expect("a message").formatted()).expect("ASCII")
    }

    #[test]
    fn a_message_for_people() {
        insta::assert_snapshot!(formatted(&notice(Severity::Alarm, Standing::Raised)).replace("\r\n", "\n"), @r"
        From: Rotator <rotator@contoso.test>
        Subject: [entra-rotator] ALARM: msol is held
        Date: Sat, 21 Nov 2026 09:00:00 +0000
        Message-ID: <17776a5c1e0aaab18ae7b61761899d9e@contoso.test>
        Auto-Submitted: auto-generated
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Importance: high
        To: a@contoso.test, B <b@contoso.test>
        Content-Transfer-Encoding: 7bit

        ALARM: msol is held

        The rotation of msol waits for a person.

        Next steps:
          1. entra-rotator status
          2. entra-rotator resume --account msol

        Account: msol
        Rotation: msol-20261121-1a2b3c
        Machine: SYNC1
        Kind: held
        Time: 2026-11-21T09:00:00Z
        ");
    }

    #[test]
    fn a_hostile_name_adds_no_header_and_shows_itself() {
        let text = formatted(&hostile());
        let (head, _) = text.split_once("\r\n\r\n").expect("a head and a body");
        let names: Vec<_> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        assert_eq!(
            names,
            [
                "From",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type",
                "Importance",
                "To",
                "Content-Transfer-Encoding",
            ]
        );
        let line = subject(&hostile());
        assert!(line.chars().count() <= SUBJECT_MAX && line.contains("[U+000D][U+000A]Bcc:"), "{line}");
        let text = body(&hostile());
        assert!(text.contains("[U+202E]gpj.exe") && !text.contains(['\r', '\u{202e}', '\u{200b}']), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
    }

    #[test]
    fn a_second_try_has_the_same_id_and_another_notice_another() {
        let id = |notice: &Notice| message_id(notice, "contoso.test");
        let first = notice(Severity::Alarm, Standing::Raised);
        assert_eq!(id(&first), id(&first.clone()));
        assert_ne!(id(&first), id(&notice(Severity::Alarm, Standing::Cleared)));
    }

    #[test]
    fn addresses_and_names_are_checked() {
        for (from, to) in [("nobody", "a@b.test"), ("a@b.test", "x\r\nBcc: y@b.test"), ("a@b.test", "")] {
            let wrong = MailConfig { from: from.into(), to: vec![to.into()], ..config() };
            assert!(Mail::new(&wrong).is_err(), "{from} {to}");
        }
        let file = std::path::PathBuf::from("/nonexistent/ca.pem");
        let fault = Mail::new(&MailConfig { ca_file: Some(file), ..config() }).err().expect("no such file");
        assert!(fault.doing.contains("/nonexistent/ca.pem"), "{fault}");
    }
}
