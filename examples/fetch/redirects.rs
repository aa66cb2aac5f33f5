//! Pages that have moved: where to ask next, and when to give up.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use stage::http::{self, Failure, Target, blocking};
use stage::println;

/// How many redirects are followed.
const MOST: usize = 10;

/// As [`http::get`], but follows redirects.
pub(crate) async fn get(url: &str, server: Option<SocketAddr>) -> Result<Response<Incoming>, Failure> {
    let mut trail = Trail::new(url);
    loop {
        let response = http::get(&Target::new(trail.end(), server)?).await?;
        let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
        if !trail.goes_on(response.status(), location)? {
            return Ok(response);
        }
    }
}

/// As [`get`], but blocks the thread.
pub(crate) fn get_blocking(url: &str, server: Option<SocketAddr>) -> Result<blocking::Response, Failure> {
    let mut trail = Trail::new(url);
    loop {
        let response = blocking::get(&Target::new(trail.end(), server)?)?;
        if !trail.goes_on(response.status, response.location.as_deref())? {
            return Ok(response);
        }
    }
}

/// The URL that was asked for, and those to which redirects have led.
struct Trail(Vec<String>);

impl Trail {
    fn new(url: &str) -> Trail {
        Trail(vec![url.to_owned()])
    }

    /// The URL to ask for.
    fn end(&self) -> &str {
        self.0.last().expect("it begins with one")
    }

    /// Adds the URL to which a response redirects. Returns false if it is not a redirect.
    fn goes_on(&mut self, status: StatusCode, location: Option<&[u8]>) -> Result<bool, Failure> {
        if ![301, 302, 303, 307, 308].contains(&status.as_u16()) {
            return Ok(false);
        }
        let location = location.ok_or_else(|| format!("{status}, but the response does not say where to"))?;
        let next = resolve(self.end(), &printable(location));
        println!("{} redirects to {next}", self.end());
        if self.0.contains(&next) {
            return Err(format!("its redirects form a loop, back to {next}").into());
        }
        if self.0.len() > MOST {
            return Err(format!("it has more than {MOST} redirects").into());
        }
        self.0.push(next);
        Ok(true)
    }
}

/// Percent-encodes the bytes of a header that no URL may have, as browsers do.
fn printable(location: &[u8]) -> String {
    let encode = |&byte: &u8| match byte {
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    location.trim_ascii().iter().map(encode).collect()
}

/// Returns the URL that a reference on a page means: RFC 3986, section 5.2. A fragment is left out.
pub(crate) fn resolve(page: &str, reference: &str) -> String {
    let [page, reference] = [page, reference].map(|url| url.split('#').next().unwrap_or_default());
    let Some((scheme, rest)) = page.split_once("://") else { return reference.to_owned() };
    if has_scheme(reference) {
        return reference.to_owned();
    }
    if reference.starts_with("//") {
        return format!("{scheme}:{reference}");
    }
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, _) = split_query(target);
    let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
    let target = match reference.chars().next() {
        None => target.to_owned(),
        Some('/') => reference.to_owned(),
        Some('?') => format!("{path}{reference}"),
        Some(_) => format!("{folder}{reference}"),
    };
    let (path, query) = split_query(&target);
    format!("{scheme}://{host}{}{query}", without_dots(path))
}

/// Returns whether a reference begins with a scheme, as `https:` does.
fn has_scheme(reference: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    reference.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// Splits a path from the query, which keeps its question mark.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// Removes the segments `.` and `..` of a path.
fn without_dots(path: &str) -> String {
    let mut folders = Vec::new();
    let (parents, last) = path.rsplit_once('/').unwrap_or(("", path));
    for segment in parents.split('/').skip(1).chain([last]) {
        match segment {
            "." => {}
            ".." => drop(folders.pop()),
            _ => folders.push(segment),
        }
    }
    // A dot at the end stands for a folder, whose path ends with a slash.
    if matches!(last, "." | "..") {
        folders.push("");
    }
    format!("/{}", folders.join("/"))
}
