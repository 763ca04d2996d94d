use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The file beside the program.
const FILE: &str = "stand-in.json";

/// Which lab is asked, and on whose behalf.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Setting {
    pub(super) lab: PathBuf,
    pub(super) server: String,
    argv: Option<PathBuf>,
    pub(super) step: String,
}

impl Setting {
    /// What the environment says, and for the rest what stands beside the program that was started as `program`.
    pub(super) fn find(program: &str) -> Result<Self, String> {
        let mut setting = match folder_of(program).map(|folder| folder.join(FILE)).filter(|file| file.is_file()) {
            Some(file) => read(&file)?,
            None => Self::default(),
        };
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| named(name).map(|value| value.to_string_lossy().into_owned());
        if let Some(lab) = named("STAND_IN_LAB") {
            setting.lab = lab.into();
        }
        if let Some(server) = text("STAND_IN_SERVER") {
            setting.server = server;
        }
        if let Some(argv) = named("STAND_IN_ARGV") {
            setting.argv = Some(argv.into());
        }
        if let Some(step) = text("STAND_IN_STEP") {
            setting.step = step;
        }
        if setting.lab.as_os_str().is_empty() || setting.server.is_empty() {
            return Err(format!(
                "neither STAND_IN_LAB and STAND_IN_SERVER nor a {FILE} beside it name a server of a lab"
            ));
        }
        Ok(setting)
    }

    /// Adds what it was started with to the record, for whoever searches there for secrets.
    pub(super) fn record(&self, arguments: &[String]) -> Result<(), String> {
        let Some(file) = &self.argv else { return Ok(()) };
        let mut line = serde_json::to_string(arguments).map_err(|cause| cause.to_string())?;
        line.push('\n');
        let written =
            File::options().create(true).append(true).open(file).and_then(|mut f| f.write_all(line.as_bytes()));
        written.map_err(|cause| format!("{} can't be written: {cause}", file.display()))
    }
}

/// The folder that a program was started from; by its own name, for a link is as good as a copy.
fn folder_of(program: &str) -> Option<PathBuf> {
    let named = Path::new(program).parent().filter(|folder| !folder.as_os_str().is_empty());
    named.map(Path::to_owned).or_else(|| std::env::current_exe().ok()?.parent().map(Path::to_owned))
}

fn read(file: &Path) -> Result<Setting, String> {
    let text = fs::read_to_string(file).map_err(|cause| format!("{} can't be read: {cause}", file.display()))?;
    serde_json::from_str(&text).map_err(|cause| format!("{} is no setting: {cause}", file.display()))
}
