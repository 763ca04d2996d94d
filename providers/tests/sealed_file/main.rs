//! The sealed file from outside: two processes at once, a disk that is full or read-only, what is logged, and somebody
//! else's age client.

#![cfg(test)]

mod foreign;
mod hammer;
mod home;
mod silence;
#[cfg(target_os = "linux")]
mod space;
