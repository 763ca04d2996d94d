use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

use crate::entra_connect::transport::{Broken, Reached};

/// The port of WinRM's HTTPS listener.
const PORT: u16 = 5986;

/// Where a server is asked.
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) address: Option<IpAddr>,
}

impl Endpoint {
    /// Reads `https://host:5986/wsman`. Port and path may be left out; nothing else than host, port and path may be there.
    pub(super) fn new(url: &str, address: Option<IpAddr>) -> Result<Self, Broken> {
        let wrong = |cause: &str| {
            Broken::new(Reached::Settings, format!("the url {url:?} {cause}"))
                .hint("name it as https://connect1.contoso.example:5986/wsman")
        };
        // What may be a password is not shown.
        if url.contains('@') {
            return Err(Broken::new(Reached::Settings, "the url holds a user's name")
                .hint("name it as https://connect1.contoso.example:5986/wsman"));
        }
        let read: Uri = url.parse().map_err(|_| wrong("can't be read"))?;
        if read.scheme_str() != Some("https") {
            return Err(wrong("is not one of https"));
        }
        if read.query().is_some() {
            return Err(wrong("has a query"));
        }
        let host = read.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
        let path = match read.path() {
            "" | "/" => "/wsman",
            path => path,
        };
        let (host, port) = (host.trim_matches(['[', ']']).to_owned(), read.port_u16().unwrap_or(PORT));
        let mut endpoint = Self { url: String::new(), host, port, path: path.to_owned(), address };
        endpoint.url = format!("https://{}{}", endpoint.authority(), endpoint.path);
        Ok(endpoint)
    }

    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_of_https_and_nothing_else() {
        let read = |url: &str| Endpoint::new(url, None).map(|endpoint| endpoint.url).map_err(|broken| broken.cause);
        assert_eq!(read("https://connect1").as_deref(), Ok("https://connect1:5986/wsman"));
        assert_eq!(read("https://connect1:443/other").as_deref(), Ok("https://connect1:443/other"));
        assert_eq!(read("https://[::1]:5986").as_deref(), Ok("https://[::1]:5986/wsman"));
        for url in
            ["http://connect1:5985/wsman", "connect1", "", "https://", "https://c/wsman?x=1", "ftp://c", "https://a b"]
        {
            assert!(read(url).is_err(), "{url}");
        }
        let cause = read("https://rotator:hunter2@connect1").expect_err("it is refused");
        assert!(!cause.contains("hunter2"), "{cause}");
    }
}
