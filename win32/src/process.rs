//! Which programs run, and since when.

use windows_sys::Win32::Foundation::{ERROR_NO_MORE_FILES, FILETIME};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION};

use crate::Error;
use crate::handle::Kernel;
use crate::wide::text_in;

/// Most processes that are looked at: no server has as many.
const PROCESSES_MAX: usize = 100_000;
/// From 1601, where Windows' clock begins, to 1970, in steps of 100 ns.
const UNIX_EPOCH: i128 = 116_444_736_000_000_000;

/// Those of `wanted` (such as `miisclient.exe`, in any case) that run now, as they are written there
/// ([`CreateToolhelp32Snapshot`](https://learn.microsoft.com/en-us/windows/win32/api/tlhelp32/nf-tlhelp32-createtoolhelp32snapshot)).
pub fn running(wanted: &[&str]) -> Result<Vec<String>, Error> {
    // SAFETY: takes numbers only.
    let snapshot = Kernel::of(unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) })
        .ok_or_else(|| Error::last("CreateToolhelp32Snapshot"))?;
    let mut entry = PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>() as u32, ..Default::default() };
    let mut seen = vec![false; wanted.len()];
    // SAFETY: the snapshot is open, and the entry says its own size.
    let mut more = unsafe { Process32FirstW(snapshot.0, &raw mut entry) };
    let mut call = "Process32FirstW";
    for _ in 0..PROCESSES_MAX {
        if more == 0 {
            let error = Error::last(call);
            if error.code != ERROR_NO_MORE_FILES {
                return Err(error);
            }
            break;
        }
        let name = text_in(&entry.szExeFile);
        for (known, seen) in wanted.iter().zip(&mut seen) {
            *seen |= known.eq_ignore_ascii_case(&name);
        }
        call = "Process32NextW";
        // SAFETY: as the first.
        more = unsafe { Process32NextW(snapshot.0, &raw mut entry) };
    }
    Ok(wanted.iter().zip(seen).filter(|(_, seen)| *seen).map(|(name, _)| (*name).to_owned()).collect())
}

/// When the process with this number began, in nanoseconds since 1970: with the number it tells one process from all
/// others ([`GetProcessTimes`](https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getprocesstimes)).
pub fn created_at(id: u32) -> Result<i128, Error> {
    // SAFETY: takes numbers only.
    let process = Kernel::of(unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, id) })
        .ok_or_else(|| Error::last("OpenProcess"))?;
    let [mut created, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the process is open, and all four places are there.
    let done = unsafe { GetProcessTimes(process.0, &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user) };
    if done == 0 {
        return Err(Error::last("GetProcessTimes"));
    }
    let ticks = (i128::from(created.dwHighDateTime) << 32) | i128::from(created.dwLowDateTime);
    Ok((ticks - UNIX_EPOCH) * 100)
}
