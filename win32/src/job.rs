//! Children that end with their parent.

use std::ptr::null;
use std::sync::OnceLock;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use crate::Error;
use crate::handle::Kernel;

/// From now on every process that this one starts, and all that those start, ends when this one does, however it ends.
///
/// The process puts itself into a job that is killed when its last handle is closed, and holds the only one: so a child is
/// in it from birth, and there is no moment in which it could be left alone. Jobs nest since Windows 8; a job around us
/// that does not allow it gives the error
/// ([Job Objects](https://learn.microsoft.com/en-us/windows/win32/procthread/job-objects),
/// [nested jobs](https://learn.microsoft.com/en-us/windows/win32/procthread/nested-jobs)). Done once, it stays.
pub fn tie_children() -> Result<(), Error> {
    static TIED: OnceLock<Result<(), Error>> = OnceLock::new();
    *TIED.get_or_init(tie)
}

#[expect(clippy::disallowed_methods, reason = "it is a handle that is forgotten, and no secret")]
fn tie() -> Result<(), Error> {
    // SAFETY: neither attributes, so that nobody inherits the handle, nor a name.
    let job = Kernel::of(unsafe { CreateJobObjectW(null(), null()) }).ok_or_else(|| Error::last("CreateJobObjectW"))?;
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    // SAFETY: the job is open, and the structure is of the class and the size that are said.
    let set = unsafe {
        SetInformationJobObject(
            job.0,
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32,
        )
    };
    if set == 0 {
        return Err(Error::last("SetInformationJobObject"));
    }
    // SAFETY: the job is open, and the other is a constant that stands for this process.
    if unsafe { AssignProcessToJobObject(job.0, GetCurrentProcess()) } == 0 {
        return Err(Error::last("AssignProcessToJobObject"));
    }
    // Closed by Windows alone, when this process has ended: closed earlier, it would end it.
    std::mem::forget(job);
    Ok(())
}
