//! The server that stands in for fr.wikipedia.org: the part of its API that gives summaries. Each
//! comes after a delay that stands for the network.

use std::io;
use std::time::Duration;

use serde_json::json;
use stage::http::{Content, Server};

/// The title of each page, its delay in milliseconds, and its summary.
const PAGES: [(&str, u64, &str); 3] = [
    (
        "Coroutine",
        100,
        "Une coroutine rend la main avant d'avoir fini, et reprend plus tard là où elle en était.",
    ),
    (
        "Threading",
        200,
        "Un thread est un fil d'exécution : le système décide quand il avance et quand il attend.",
    ),
    (
        "Programmation concurrente",
        300,
        "Un programme concurrent mène plusieurs activités dans un même intervalle de temps.",
    ),
];

pub(crate) fn start() -> io::Result<Server> {
    Server::start(async |uri| match uri.path() {
        "/w/api.php" => answer(uri.query()?).await,
        _ => None,
    })
}

async fn answer(query: &str) -> Content {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let (_, title) = parameters.find(|(name, _)| name == "titles")?;
    // In a title, an underscore stands for a space.
    let title = title.replace('_', " ");
    let known = (1..).zip(PAGES).find(|(_, (known, ..))| *known == title);
    let pages = match known {
        Some((id, (_, millis, summary))) => {
            boucle::sleep(Duration::from_millis(millis)).await;
            let page = json!({ "pageid": id, "ns": 0, "title": title, "extract": summary });
            json!({ (id.to_string()): page })
        }
        None => json!({ "-1": { "ns": 0, "title": title, "missing": "" } }),
    };
    let answer = json!({ "batchcomplete": "", "query": { "pages": pages } });
    Some(answer.to_string().into())
}
