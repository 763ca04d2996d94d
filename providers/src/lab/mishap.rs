//! What can go wrong on the lab's LDAPS wire, on order: `ldaps:OPERATION:EFFECT[:N][@HOST]` among the lab's faults.

use super::faults::FaultList;

/// The forms that can be ordered, how often they strike by default, and what they do.
pub(super) const FORMS: [(&str, Option<u32>, &str); 18] = [
    (
        "ldaps:OP:late:MS",
        Some(1),
        "the LDAPS stand-in answers OP (connect, bind, search, modify, any) MS milliseconds late",
    ),
    ("ldaps:OP:stall", Some(1), "it takes the request, does nothing, and never answers"),
    ("ldaps:OP:stall-after", Some(1), "it does what was asked and never answers"),
    ("ldaps:OP:cut-before", Some(1), "it cuts the connection when the request is there, and does nothing"),
    ("ldaps:OP:cut-after", Some(1), "it does what was asked and cuts the connection instead of answering"),
    ("ldaps:OP:cut-request:N", Some(1), "it cuts the connection after N bytes of the request, and does nothing"),
    ("ldaps:OP:cut-answer:N", Some(1), "it does what was asked and cuts the connection after N bytes of the answer"),
    ("ldaps:OP:dribble:MS", Some(1), "it sends its answer byte by byte, MS milliseconds apart"),
    ("ldaps:OP:garbage", Some(1), "it does what was asked and answers with bytes that are no LDAP"),
    ("ldaps:OP:endless", Some(1), "it sends entries without end to a search"),
    ("ldaps:OP:huge", Some(1), "it announces an answer of two gigabytes and stops"),
    ("ldaps:OP:disconnect", Some(1), "it does nothing, sends a Notice of Disconnection, and closes"),
    ("ldaps:OP:busy", Some(1), "it does nothing and answers 51, busy"),
    ("ldaps:OP:unavailable", Some(1), "it does nothing and answers 52, unavailable"),
    ("ldaps:OP:other", Some(1), "it does what was asked and answers 80, other"),
    ("ldaps:bind:data:CODE", Some(1), "it refuses the logon with this number of Windows: 525, 530, 531 …"),
    ("ldaps:modify:refuse", Some(1), "it refuses a new password as against the policy, 0000052D"),
    ("ldaps:search:hide:ATTRIBUTE", None, "it leaves this attribute out, as where the right to read it is missing"),
];

/// A request by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection itself, before TLS.
    Connect,
    Bind,
    Search,
    Modify,
    /// Any other request.
    Else,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Late(u64),
    Stall,
    StallAfter,
    CutBefore,
    CutAfter,
    CutRequest(usize),
    CutAnswer(usize),
    Dribble(u64),
    Garbage,
    Endless,
    Huge,
    Disconnect,
    Busy,
    Unavailable,
    Other,
    Data(String),
    Refuse,
    Hide(String),
}

/// An ordered mishap, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mishap {
    /// `None` = every request.
    kind: Option<Kind>,
    effect: Effect,
    /// `None` = on every controller.
    host: Option<String>,
}

impl Mishap {
    /// `None` = there is no such mishap.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (order, host) = match name.split_once('@') {
            Some((order, host)) if !host.is_empty() => (order, Some(host.to_owned())),
            Some(_) => return None,
            None => (name, None),
        };
        let mut parts = order.strip_prefix("ldaps:")?.splitn(3, ':');
        let kind = match parts.next()? {
            "connect" => Some(Kind::Connect),
            "bind" => Some(Kind::Bind),
            "search" => Some(Kind::Search),
            "modify" => Some(Kind::Modify),
            "any" => None,
            _ => return None,
        };
        let effect = match (parts.next()?, parts.next()) {
            ("late", Some(ms)) => Effect::Late(ms.parse().ok()?),
            ("stall", None) => Effect::Stall,
            ("stall-after", None) => Effect::StallAfter,
            ("cut-before", None) => Effect::CutBefore,
            ("cut-after", None) => Effect::CutAfter,
            ("cut-request", Some(bytes)) => Effect::CutRequest(bytes.parse().ok()?),
            ("cut-answer", Some(bytes)) => Effect::CutAnswer(bytes.parse().ok()?),
            ("dribble", Some(ms)) => Effect::Dribble(ms.parse().ok()?),
            ("garbage", None) => Effect::Garbage,
            ("endless", None) if kind == Some(Kind::Search) => Effect::Endless,
            ("huge", None) => Effect::Huge,
            ("disconnect", None) => Effect::Disconnect,
            ("busy", None) => Effect::Busy,
            ("unavailable", None) => Effect::Unavailable,
            ("other", None) => Effect::Other,
            ("data", Some(code)) if kind == Some(Kind::Bind) && u32::from_str_radix(code, 16).is_ok() => {
                Effect::Data(code.to_owned())
            }
            ("refuse", None) if kind == Some(Kind::Modify) => Effect::Refuse,
            ("hide", Some(attribute)) if kind == Some(Kind::Search) => Effect::Hide(attribute.to_owned()),
            _ => return None,
        };
        let before_tls = matches!(effect, Effect::Late(_) | Effect::Stall | Effect::CutBefore);
        (kind != Some(Kind::Connect) || before_tls).then_some(Self { kind, effect, host })
    }

    /// Whether it takes something out of an answer, rather than ending a request in its own way.
    pub(super) fn hides(&self) -> bool {
        matches!(self.effect, Effect::Hide(_))
    }

    fn meets(&self, kind: Kind, host: &str) -> bool {
        let here = self.host.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(host));
        here && self.kind.map_or(kind != Kind::Connect, |wanted| wanted == kind)
    }
}

impl FaultList {
    /// The mishaps that strike this request on this controller: each attribute that is hidden, and the first of the
    /// others. Each strike counts.
    pub(super) fn mishaps(&mut self, kind: Kind, host: &str) -> Vec<Effect> {
        let mut effects: Vec<Effect> = Vec::new();
        for name in self.names() {
            let Some(mishap) = Mishap::parse(&name).filter(|mishap| mishap.meets(kind, host)) else { continue };
            if (mishap.hides() || !effects.iter().any(|effect| !matches!(effect, Effect::Hide(_))))
                && self.strikes(&name)
            {
                effects.push(mishap.effect);
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_whole_or_not_at_all() {
        let mishap = Mishap::parse("ldaps:modify:cut-answer:7@127.0.0.3").unwrap();
        assert_eq!(mishap.effect, Effect::CutAnswer(7));
        assert!(mishap.meets(Kind::Modify, "127.0.0.3") && !mishap.meets(Kind::Modify, "127.0.0.2"));
        assert!(!mishap.meets(Kind::Bind, "127.0.0.3"));
        let any = Mishap::parse("ldaps:any:busy").unwrap();
        assert!(any.meets(Kind::Search, "dc1") && !any.meets(Kind::Connect, "dc1"));
        for name in [
            "ldaps:modify",
            "ldaps:modify:late",
            "ldaps:modify:late:soon",
            "ldaps:modify:stall:1",
            "ldaps:connect:garbage",
            "ldaps:bind:endless",
            "ldaps:bind:data:xyz",
            "ldaps:bind:busy@",
            "ldap:bind:busy",
        ] {
            assert_eq!(Mishap::parse(name), None, "{name}");
        }
    }
}
