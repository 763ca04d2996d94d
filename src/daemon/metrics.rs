//! What Prometheus reads. Labels are bounded: the accounts of the configuration, the kinds of step, of outcome and of
//! condition, the channels.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::board::View;
use crate::rotation::Step;

/// The form of the text, for the HTTP header.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets, seconds.
const STEP_BOUNDS: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 7200.0];

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// How long steps took since the service began, and how many failed.
#[derive(Clone, Debug)]
pub(super) struct StepTimes {
    seconds: Family<Labels, Histogram>,
    failed: Family<Labels, Counter>,
}

impl Default for StepTimes {
    fn default() -> Self {
        Self { seconds: Family::new_with_constructor(|| Histogram::new(STEP_BOUNDS)), failed: Family::default() }
    }
}

impl StepTimes {
    pub(super) fn took(&self, step: &Step, seconds: f64, failed: bool) {
        // `engine:S1/contoso.com` is one of the engine's: the rest is not bounded.
        let step = step.to_string();
        let kind = step.split([':', '(', ' ']).next().unwrap_or_default().to_owned();
        let labels = vec![("step", kind)];
        self.seconds.get_or_create(&labels).observe(seconds);
        self.failed.get_or_create(&labels).inc_by(u64::from(failed));
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// The text of all metrics.
pub(super) fn text(view: &View, steps: &StepTimes, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("entra_rotator");
    let mut gauge = |name: &str, help: &str| {
        let gauges = Gauges::default();
        registry.register(name, help, gauges.clone());
        gauges
    };
    let set = |gauges: &Gauges, labels: Labels, value: f64| {
        gauges.get_or_create(&labels).set(value);
    };
    let whole = Vec::new;
    set(&gauge("ready", "Whether the service is ready"), whole(), f64::from(u8::from(view.ready && !view.stopping)));
    let leads = view.stands_by.is_none();
    set(&gauge("leads", "Whether this replica works, and does not stand by"), whole(), f64::from(u8::from(leads)));
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    set(&gauge("running_jobs", "Jobs under way"), whole(), view.running as f64);
    let info = gauge("build_info", "The program's version");
    set(&info, vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0);

    let success = gauge("last_success_timestamp_seconds", "When a rotation of the account last succeeded");
    let set_at = gauge("password_set_timestamp_seconds", "When the account's password was set, as far as it is known");
    let age = gauge("password_age_seconds", "How old the account's password is, as far as it is known");
    let over = gauge("password_over_age_timestamp_seconds", "When the account's password reaches its maximum age");
    let next = gauge("next_due_timestamp_seconds", "When the account's next rotation may begin");
    let held = gauge("account_held", "Whether a rotation of the account waits for a person");
    let gave_up = gauge("account_gave_up", "Whether the schedule has spent its tries with the account");
    let overdue = gauge("account_overdue", "Whether the account's password is over its maximum age, or of unknown age");
    let failures = gauge("account_failures", "Failed attempts at the account since its last success");
    for (name, account) in &view.accounts {
        let labels = || vec![("account", name.clone())];
        for (gauges, at) in [
            (&success, account.last_success),
            (&set_at, account.set_at),
            (&over, account.over_at),
            (&next, account.next_due),
        ] {
            if let Some(at) = at {
                set(gauges, labels(), seconds(at));
            }
        }
        if let Some(at) = account.set_at {
            set(&age, labels(), (seconds(now) - seconds(at)).max(0.0));
        }
        let yes = |holds: bool| f64::from(u8::from(holds));
        set(&held, labels(), yes(account.state == "held"));
        set(&gave_up, labels(), yes(account.state == "gave-up"));
        set(&overdue, labels(), yes(matches!(account.age_state, "overdue" | "unknown")));
        set(&failures, labels(), f64::from(account.failures));
    }
    let conditions = gauge("conditions", "How many conditions of a kind hold that a person must know of");
    for kind in super::alarms::KINDS {
        let count = view.conditions.get(kind.kind).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        set(
            &conditions,
            vec![("kind", kind.kind.to_owned()), ("severity", format!("{:?}", kind.severity).to_lowercase())],
            count as f64,
        );
    }

    let mut counter = |name: &str, help: &str| {
        let counters = Family::<Labels, Counter>::default();
        registry.register(name, help, counters.clone());
        counters
    };
    let rotations = counter("rotations", "Rotations of the schedule that ended since the service began");
    for (outcome, count) in &view.totals {
        rotations.get_or_create(&vec![("outcome", outcome.clone())]).inc_by(*count);
    }
    let notices = counter("notices", "Notices by channel and what became of them");
    for channel in &view.channels {
        let became = [("delivered", channel.delivered), ("lost", channel.lost), ("dropped", channel.dropped)];
        for (what, count) in became {
            notices.get_or_create(&vec![("channel", channel.name.clone()), ("became", what.to_owned())]).inc_by(count);
        }
    }
    registry.register("step_duration_seconds", "How long steps took", steps.seconds.clone());
    registry.register("step_failures", "Steps that failed", steps.failed.clone());
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}
