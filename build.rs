//! What Windows wants to find in a program: its version, and how much stack it needs. For any other system there is
//! nothing to do.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// As much as Linux gives a first thread, in bytes: a rotation that is not optimised needs more than Windows' 1 or 2 MiB.
/// <https://learn.microsoft.com/en-us/windows/win32/procthread/thread-stack-size>
const STACK: u32 = 8 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS")? != "windows" {
        return Ok(());
    }
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV")? == "gnu";
    let stack = if is_gnu { "-Wl,--stack," } else { "/STACK:" };
    println!("cargo::rustc-link-arg-bins={stack}{STACK}");
    if !is_gnu {
        println!("cargo::warning=the program gets no version: only windres is known here");
        return Ok(());
    }
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(folder.join("resource.rc"), resource()?)?;
    let windres = format!("{}-w64-mingw32-windres", env::var("CARGO_CFG_TARGET_ARCH")?);
    let status = Command::new(&windres)
        .args(["--input=resource.rc", "--output=resource.o", "--output-format=coff"])
        .current_dir(&folder)
        .status()
        .map_err(|cause| format!("{windres} can't be run (Debian: binutils-mingw-w64-x86-64): {cause}"))?;
    if !status.success() {
        return Err(format!("{windres} ended with {status}").into());
    }
    println!("cargo::rustc-link-arg-bins={}", folder.join("resource.o").display());
    Ok(())
}

/// <https://learn.microsoft.com/en-us/windows/win32/menurc/versioninfo-resource>
fn resource() -> Result<String, env::VarError> {
    let version = env::var("CARGO_PKG_VERSION")?;
    let numbers: Vec<String> = ["MAJOR", "MINOR", "PATCH"]
        .iter()
        .map(|part| env::var(format!("CARGO_PKG_VERSION_{part}")))
        .collect::<Result<_, _>>()?;
    let numbers = numbers.join(",");
    let (name, description) = (env::var("CARGO_PKG_NAME")?, env::var("CARGO_PKG_DESCRIPTION")?);
    // In a resource, a quote is written twice.
    let description = description.replace('"', "\"\"");
    Ok(format!(
        r#"LANGUAGE 9, 1
1 VERSIONINFO
FILEVERSION {numbers},0
PRODUCTVERSION {numbers},0
FILEFLAGSMASK 0x3f
FILEFLAGS 0
FILEOS 0x40004
FILETYPE 1
BEGIN
    BLOCK "StringFileInfo"
    BEGIN
        BLOCK "040904b0"
        BEGIN
            VALUE "FileDescription", "{description}"
            VALUE "FileVersion", "{version}"
            VALUE "InternalName", "{name}"
            VALUE "OriginalFilename", "{name}.exe"
            VALUE "ProductName", "{name}"
            VALUE "ProductVersion", "{version}"
        END
    END
    BLOCK "VarFileInfo"
    BEGIN
        VALUE "Translation", 0x409, 1200
    END
END
"#
    ))
}
