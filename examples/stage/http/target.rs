//! What a URL says: where to connect, and what to ask for there.

use std::net::SocketAddr;

use hyper::Uri;

use super::{Failure, tls};

/// Where to connect, and what to ask for there.
pub struct Target {
    /// A host, without the brackets of an IPv6 address, and a port.
    pub address: (String, u16),
    /// The value of the `Host` header.
    pub host: String,
    /// The path and the query.
    pub path: String,
    /// If the URL begins with `https://`, the name that the server's certificate has to be for.
    pub tls: Option<tls::Name>,
}

impl Target {
    /// Parses a URL. With a `server`, the address is that instead of the URL's host.
    pub fn new(url: &str, server: Option<SocketAddr>) -> Result<Target, Failure> {
        if let Some((_, "")) = url.split_once("://") {
            return Err("not a URL: no host".into());
        }
        let uri: Uri = url.parse().map_err(|why| format!("not a URL: {why}"))?;
        let (is_encrypted, usual_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err("not a URL: it does not begin with http:// or https://".into()),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or("not a URL: no host")?;
        let name = authority.host();
        // Without a user's name, if there is one.
        let host = authority.as_str().split('@').next_back().unwrap_or(name);
        let port = match authority.port_u16() {
            Some(port) => port,
            None if host == name => usual_port,
            None => return Err("not a URL: the port is not a number up to 65535".into()),
        };
        let bare_name = name.trim_matches(['[', ']']);
        let tls = if is_encrypted { Some(tls::name(bare_name)?) } else { None };
        let address = match server {
            Some(server) => (server.ip().to_string(), server.port()),
            None => (bare_name.to_owned(), port),
        };
        // Without a path, a query is the root's.
        let query = uri.query().map(|query| format!("?{query}"));
        let path = format!("{}{}", uri.path(), query.unwrap_or_default());
        Ok(Target { address, host: host.to_owned(), path, tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server needs a path, even if the URL has none.
    #[test]
    fn a_path_begins_with_a_slash() {
        for (url, path) in [
            ("http://host", "/"),
            ("http://host/", "/"),
            ("http://host/a/b?q=1", "/a/b?q=1"),
            ("http://host?q=1", "/?q=1"),
            ("http://host:81/#part", "/"),
        ] {
            assert_eq!(Target::new(url, None).unwrap().path, path, "{url}");
        }
    }

    /// A port that is no number up to 65535 is an error, also if it ends as the host does.
    #[test]
    fn a_port_is_a_number() {
        for url in ["http://9:99999/", "http://host:80x/", "http://user@host:/"] {
            assert!(Target::new(url, None).is_err(), "{url}");
        }
        assert_eq!(Target::new("http://host@host/", None).unwrap().address.1, 80);
    }
}
