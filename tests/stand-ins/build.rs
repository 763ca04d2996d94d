//! The file version of the sync engine's program, which is how a server's build is told. For any other system than
//! Windows there is nothing to do.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The build that the stand-in is of.
const BUILD: &str = "2,6,92,0";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS")? != "windows" || env::var("CARGO_CFG_TARGET_ENV")? != "gnu" {
        return Ok(());
    }
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(folder.join("resource.rc"), format!("1 VERSIONINFO\nFILEVERSION {BUILD}\nBEGIN\nEND\n"))?;
    let windres = format!("{}-w64-mingw32-windres", env::var("CARGO_CFG_TARGET_ARCH")?);
    let status = Command::new(&windres)
        .args(["--input=resource.rc", "--output=resource.o", "--output-format=coff"])
        .current_dir(&folder)
        .status()
        .map_err(|cause| format!("{windres} can't be run (Debian: binutils-mingw-w64-x86-64): {cause}"))?;
    if !status.success() {
        return Err(format!("{windres} ended with {status}").into());
    }
    println!("cargo::rustc-link-arg-bin=miiserver={}", folder.join("resource.o").display());
    Ok(())
}
