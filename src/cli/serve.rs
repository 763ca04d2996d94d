//! `serve`: the unattended service.

use std::time::Duration;

use jiff::SignedDuration;
use providers::port::Secret;

use super::arguments::{Global, ServeOptions};
use super::output::say;
use super::session;
use crate::config::{self, Config, NotifyConfig, PersonConfig, SecretRef, ServeConfig};
use crate::daemon::{HttpSetting, Served, Setting, Tls, serve};
use crate::order::{self, Exit};
use crate::wiring::World;

/// How often clock, journal and conditions are looked at, at least.
const TICK: Duration = Duration::from_secs(15);

/// The shortest token, in characters.
const TOKEN_MIN: usize = 20;

/// The first looks for drift after a start are spread over this.
const FIRST_LOOKS: SignedDuration = SignedDuration::from_mins(10);

/// Late proofs, recoveries and looks at a time.
const ERRANDS: usize = 2;

pub(super) async fn run(global: &Global, options: &ServeOptions) -> Exit {
    run_and_tell(global, options, || {}).await
}

/// The same; `serving` is called as soon as it serves.
pub(super) async fn run_and_tell(global: &Global, options: &ServeOptions, serving: impl Fn() + Send + 'static) -> Exit {
    let served = match prepare(global, options, serving) {
        Ok(served) => served,
        Err(exit) => return exit,
    };
    serve(served).await.unwrap_or_else(|(message, exit)| {
        say(&message);
        exit
    })
}

fn prepare(global: &Global, options: &ServeOptions, serving: impl Fn() + Send + 'static) -> Result<Served, Exit> {
    let (serve, notify) = if global.lab {
        (ServeConfig::default(), NotifyConfig::default())
    } else {
        let config = session::configuration(global)?;
        (config.serve, config.notify)
    };
    // Nobody sits at a service's terminal.
    let mut world = session::open_unattended(global)?;
    if global.lab {
        world.roster = world.roster.demonstration();
    }
    let told = |message: String| {
        say(&message);
        Exit::Usage
    };
    let token = serve.token.as_ref().map(|token| token_of("the token of [serve]", token)).transpose().map_err(told)?;
    let persons = persons(&serve).map_err(told)?;
    let file = global.config.clone();
    let is_lab = global.lab;
    Ok(Served {
        world,
        http: HttpSetting {
            listen: options.listen.unwrap_or(serve.listen),
            tls: serve.tls.map(|tls| Tls { cert_file: tls.cert_file, key_file: tls.key_file }),
            token,
            persons,
            host: order::host(),
        },
        setting: Setting {
            tick: TICK,
            look_every: (serve.look_every_h > 0).then(|| SignedDuration::from_hours(serve.look_every_h.into())),
            first_looks: FIRST_LOOKS,
            errands: ERRANDS,
            stop_limit: Duration::from_secs(serve.stop_limit_s.into()),
            host: order::host(),
            repeat_h: notify.repeat_h,
            nothing_succeeded: notify
                .nothing_succeeded_days
                .map(|days| SignedDuration::from_hours(i64::from(days) * 24)),
        },
        notify,
        reload: Box::new(move || {
            if is_lab {
                return Err("the lab has no configuration".to_owned());
            }
            let config: Config = config::read(&file).map_err(|faulty| faulty.to_string())?;
            let world = World::of_config(&config, None).map_err(|fault| order::sentence(&fault))?;
            Ok((world, config.notify))
        }),
        listening: Box::new(move |address| {
            say(&format!("serving; health and metrics on {address}"));
            serving();
        }),
    })
}

/// Who may order something, each with his token.
fn persons(serve: &ServeConfig) -> Result<Vec<(String, Secret)>, String> {
    let read = |person: &PersonConfig| {
        let what = format!("the token of {} in [[serve.actions.person]]", person.name);
        Ok((person.name.clone(), token_of(&what, &person.token)?))
    };
    serve.actions.iter().flat_map(|actions| &actions.person).map(read).collect()
}

/// A token that nobody guesses, however often he may try.
fn token_of(what: &str, token: &SecretRef) -> Result<Secret, String> {
    let token = token.read(what).map_err(|fault| order::sentence(&fault))?;
    if token.expose().chars().count() < TOKEN_MIN {
        return Err(format!(
            "{what} is shorter than {TOKEN_MIN} characters: somebody could guess it\n  next step: make one by `openssl rand -hex 32`"
        ));
    }
    Ok(token)
}
