//! A client of `https_server`, with a pool of connections: asks for several pages at once.
//!
//! ```sh
//! cargo run --example https_client                                                  # in the folder tests/ecosystem
//! cargo run --example https_client -- certificate.pem https://localhost:8443/slow   # the same, of one page
//! ```
//!
//! prints, while the server runs in the same folder,
//!
//! ```text
//! https://localhost:8443/: 200 OK: hello
//! https://localhost:8443/slow: 200 OK: slow hello
//! ```
//!
//! It trusts the certificate that the server has written, and no other. For the authorities that browsers
//! trust, fill the `RootCertStore` from the crate `webpki-roots`.
//!
//! Read next: `tests/tls.rs`, beside this folder, has certificates that are refused, on either side.

use std::env;
use std::error::Error;
use std::time::Duration;

use boucle::hyper::{Connector, Executor, Timer};
use boucle::{timeout, try_gather};
use futures_rustls::pki_types::CertificateDer;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// It can be cloned: the clones share the pool.
type HttpsClient = Client<HttpsConnector<Connector>, Empty<Bytes>>;

/// A client that trusts one certificate. The server chooses the version of HTTP.
fn client(certificate: &str) -> Result<HttpsClient> {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_file(certificate);
    roots.add(trusted.map_err(|error| format!("{certificate}: {error}"))?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tcp = Connector::new();
    tcp.enforce_http(false); // the layer around it is for `https`
    let tls = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions();
    Ok(Client::builder(Executor).pool_timer(Timer).build(tls.wrap_connector(tcp)))
}

async fn fetch(client: HttpsClient, url: String) -> Result<()> {
    let response = client.get(url.parse()?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    print!("{url}: {status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}

async fn run(certificate: &str, urls: Vec<String>) -> Result<()> {
    let client = client(certificate)?;
    let all = try_gather(urls.into_iter().map(|url| fetch(client.clone(), url)));
    timeout(Duration::from_secs(30), all).await??;
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let certificate = arguments.next().unwrap_or("certificate.pem".into());
    let mut urls: Vec<_> = arguments.collect();
    if urls.is_empty() {
        urls = ["/", "/slow"].map(|path| format!("https://localhost:8443{path}")).into();
    }
    boucle::run(run(&certificate, urls))
}
