//! A chat over WebSockets: each side of each connection sends and receives at the same time.
//!
//! From the course "Programmation asynchrone en Python" (BTS SIO), "Gérer différentes tâches".
//!
//! ```sh
//! cargo run --release --example chat
//! ```
//!
//! prints
//!
//! ```text
//! (a server and three clients, in one loop)
//! Alice: Bonjour !
//! (heard by Benoît and Chloé)
//! Benoît: Bonjour Alice.
//! (heard by Alice and Chloé)
//! Chloé: Je ne fais que passer.
//! (heard by Alice and Benoît)
//!
//! (Chloé has nothing more to say)
//! Chloé: termine [envoyer], attente [recevoir] (aborted); close frames went both ways
//! the server: termine [recevoir], attente [envoyer] (aborted); close frames went both ways
//! (2 are left in the room)
//! Alice: Déjà partie !
//! (heard by Benoît)
//!
//! (the server closes)
//! the server: termine [envoyer], attente [recevoir] (aborted); close frames went both ways
//! Alice: termine [recevoir], attente [envoyer] (aborted); close frames went both ways
//! the server: termine [envoyer], attente [recevoir] (aborted); close frames went both ways
//! Benoît: termine [recevoir], attente [envoyer] (aborted); close frames went both ways
//! ```
//!
//! Neither side knows whether it will next send or receive. So each has a task for sending and one for
//! receiving, and waits for the first of the two that ends. The course stops there, and leaves the other
//! task running. Here it is aborted, and then a close frame goes each way.
//!
//! To chat, in three terminals:
//!
//! ```sh
//! cargo run --release --example chat -- --serve 127.0.0.1:8765
//! cargo run --release --example chat -- --connect ws://127.0.0.1:8765/ --name Alice
//! cargo run --release --example chat -- --connect ws://127.0.0.1:8765/ --name Benoît
//! ```
//!
//! Any WebSocket client may join, such as a browser, from the console of an empty page (about:blank):
//!
//! ```js
//! s = new WebSocket("ws://127.0.0.1:8765/"); s.onmessage = message => console.log(message.data);
//! s.onopen = () => s.send("Chloé: Bonjour !")
//! ```
//!
//! For a slow reader the server keeps 64 messages and then drops the oldest, so that the others need not
//! wait. A message may have 64 KiB; a longer one closes the connection, with the code 1009.
//!
//! Read next: `conversation.rs` beside this file, the two tasks and the wait; `server.rs`, which
//! message goes to whom; `websocket.rs`, how two tasks share a connection. Then `src/combine/wait.rs`.

mod client;
mod conversation;
mod demo;
mod end;
mod server;
mod websocket;

use std::process::ExitCode;

use boucle::net::TcpListener;
use stage::http::Failure;
use stage::options::{self, Arg::Long, ValueExt};
use stage::println;

const HELP: &str = "\
A chat over WebSockets. Without options, three clients talk through a server, in one loop.

usage: chat [--serve ADDRESS | --connect URL [--name NAME]]

  --serve ADDRESS  be a server, until Ctrl-C; as in --serve 127.0.0.1:8765
  --connect URL    be a client, until the end of stdin; as in --connect ws://127.0.0.1:8765/
  --name NAME      the name before each line of the client (anonyme)

The exit status is 1 if it cannot listen or connect, or if the connection does not end by a normal close frame.";

enum Role {
    Demo,
    Server { address: String },
    Client { url: String, name: String },
}

fn role() -> Role {
    options::read(HELP, |arguments| {
        let (mut serve, mut connect, mut name) = (None, None, None);
        while let Some(option) = arguments.next()? {
            match option {
                Long("serve") => serve = Some(arguments.value()?.string()?),
                Long("connect") => connect = Some(arguments.value()?.string()?),
                Long("name") => name = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected()),
            }
        }
        match (serve, connect, name) {
            (None, None, None) => Ok(Role::Demo),
            (Some(address), None, None) => Ok(Role::Server { address }),
            (None, Some(url), name) => {
                let name = name.unwrap_or_else(|| "anonyme".to_owned());
                Ok(Role::Client { url, name })
            }
            (Some(_), Some(_), _) => Err("--serve and --connect exclude each other".into()),
            (_, None, Some(_)) => Err("--name goes with --connect".into()),
        }
    })
}

async fn serve(address: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await?;
    println!("(listening on ws://{}/ until Ctrl-C)", listener.local_addr()?);
    server::serve(listener).await
}

fn main() -> ExitCode {
    let (what, result) = match role() {
        Role::Demo => ("demo".to_owned(), boucle::run(demo::demo())),
        Role::Server { address } => {
            let result = boucle::run(serve(&address));
            (address, result)
        }
        Role::Client { url, name } => {
            let result = client::run(&url, name);
            (url, result)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chat: {what}: {failure}");
            ExitCode::FAILURE
        }
    }
}
