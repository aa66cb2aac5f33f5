//! The server that stands in for the course's: its ten files, each after a delay that stands for
//! the network.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use stage::http::{Content, Failure, Server};
use stage::println;

use super::at;

/// The files: their names, their sizes in bytes, and their delays in milliseconds.
const FILES: [(&str, usize, u64); 10] = [
    ("C01-Objects.pdf", 1_204_511, 750),
    ("C02-Shared_References.pdf", 163_287, 400),
    ("C03-Input-Output.pdf", 303_413, 450),
    ("C04-Compound_Instructions.pdf", 451_060, 550),
    ("C05-Scientific.pdf", 1_998_733, 650),
    ("C06-Script.pdf", 120_094, 600),
    ("C07-1-Functions.pdf", 733_970, 500),
    ("C07-2-Classes.pdf", 887_201, 800),
    ("C08-1-Std_Library.pdf", 1_610_418, 850),
    ("C08-2-UI.pdf", 572_999, 700),
];

/// Starts the server, its delays multiplied by `scale`, and writes the file of links to its files.
pub(crate) fn start(links: &Path, scale: f64) -> Result<Server, Failure> {
    let server = Server::start(move |uri| page(uri.path().to_owned(), scale))?;
    let address = server.address;
    let urls = FILES.map(|(name, ..)| format!("http://{address}/{name}\n"));
    File::create_new(links)
        .and_then(|mut file| file.write_all(urls.concat().as_bytes()))
        .map_err(|error| at(links, error))?;
    println!("(a local server stands in for the course's: {address})");
    Ok(server)
}

/// Returns an error if the files in a directory are not, byte for byte, those of the server.
pub(crate) fn expect_served(directory: &Path) -> Result<(), Failure> {
    for (name, size, _) in FILES {
        let file = directory.join(name);
        if fs::read(&file).map_err(|error| at(&file, error))? != content(size) {
            return Err(format!("{}: this is not what was served", file.display()).into());
        }
    }
    Ok(())
}

async fn page(path: String, scale: f64) -> Content {
    let name = path.strip_prefix('/')?;
    let (_, size, delay) = FILES.into_iter().find(|file| file.0 == name)?;
    boucle::sleep(Duration::from_millis(delay).mul_f64(scale)).await;
    Some(content(size))
}

/// Bytes that look random and are the same each time. No two sizes are equal, nor two contents.
fn content(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    Rng::with_seed(size as u64).fill(&mut bytes);
    bytes
}
