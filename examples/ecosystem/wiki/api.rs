//! The API of MediaWiki: the request for a summary, and the answer.

use std::collections::HashMap;

use form_urlencoded::Serializer;
use serde::Deserialize;
use stage::http::{Failure, Target};

/// Makes the request for the summary of a page.
pub(crate) fn question(site: &str, page: &str) -> Result<Target, Failure> {
    let query = Serializer::new(String::new())
        .append_pair("action", "query")
        .append_pair("prop", "extracts")
        .append_pair("exintro", "")
        .append_pair("explaintext", "")
        .append_pair("titles", page)
        .append_pair("format", "json")
        .finish();
    let site = site.trim_end_matches('/');
    Target::new(&format!("{site}/w/api.php?{query}"), None)
}

#[derive(Deserialize)]
struct Answer {
    query: Option<Query>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    info: String,
}

#[derive(Deserialize)]
struct Query {
    /// By number, which is negative if the page is missing.
    pages: HashMap<String, Page>,
}

#[derive(Deserialize)]
struct Page {
    extract: Option<String>,
    /// An empty string if there is no such page.
    missing: Option<String>,
}

/// Reads the summary in an answer.
pub(crate) fn summary(answer: &[u8]) -> Result<String, Failure> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|why| format!("this is not the answer of a wiki: {why}"))?;
    if let Some(refusal) = answer.error {
        return Err(format!("the wiki refuses: {}", refusal.info).into());
    }
    let pages = answer.query.map(|query| query.pages).unwrap_or_default();
    let page = pages.into_values().next().ok_or("the answer has no page")?;
    match page.missing {
        Some(_) => Err("there is no such page".into()),
        None => Ok(page.extract.ok_or("the answer has no summary")?),
    }
}
