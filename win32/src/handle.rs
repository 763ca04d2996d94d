use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::NetworkManagement::NetManagement::NetApiBufferFree;
use windows_sys::Win32::System::EventLog::{EVT_HANDLE, EvtClose};

/// A kernel object, closed when dropped
/// ([`CloseHandle`](https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-closehandle)).
pub(crate) struct Kernel(pub(crate) HANDLE);

impl Kernel {
    /// What a call gave; none when it is one of the two values that mean failure.
    pub(crate) fn of(handle: HANDLE) -> Option<Self> {
        (!handle.is_null() && handle != INVALID_HANDLE_VALUE).then_some(Self(handle))
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // SAFETY: open, and ours alone.
        unsafe { CloseHandle(self.0) };
    }
}

/// An object of the event log's functions
/// ([`EvtClose`](https://learn.microsoft.com/en-us/windows/win32/api/winevt/nf-winevt-evtclose)).
pub(crate) struct Evt(pub(crate) EVT_HANDLE);

impl Drop for Evt {
    fn drop(&mut self) {
        // SAFETY: open, and ours alone.
        unsafe { EvtClose(self.0) };
    }
}

/// A buffer that a network function made
/// ([`NetApiBufferFree`](https://learn.microsoft.com/en-us/windows/win32/api/lmapibuf/nf-lmapibuf-netapibufferfree)).
pub(crate) struct NetBuffer<T>(pub(crate) *mut T);

impl<T> Drop for NetBuffer<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by a network function, and ours alone.
            unsafe { NetApiBufferFree(self.0.cast_const().cast()) };
        }
    }
}

/// Memory that a function allocated for us, wiped before it is given back
/// ([`LocalFree`](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-localfree)).
pub(crate) struct Local {
    pub(crate) at: *mut u8,
    pub(crate) length: usize,
}

impl Local {
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.at.is_null() {
            return &[];
        }
        // SAFETY: the function that allocated it said its length, and it lives as long as self.
        unsafe { std::slice::from_raw_parts(self.at, self.length) }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if self.at.is_null() {
            return;
        }
        // SAFETY: as in `bytes`; nobody else has it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.at, self.length) };
        zeroize::Zeroize::zeroize(bytes);
        // SAFETY: allocated for us with LocalAlloc, and not used any more.
        unsafe { LocalFree(self.at.cast()) };
    }
}
